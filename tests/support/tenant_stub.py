"""A Microsoft Graph on loopback with users and licences that can be made and assigned, and refuses what Entra would."""

from __future__ import annotations

from tests.support.graph_stub import NOT_FOUND, GraphStub, Json, Reply, refusal

SKU = "sku-of-e3"
OTHER = "sku-of-kiosk"


class TenantStub(GraphStub):
    """`free` licences SPE_E3 and none of EXCHANGEDESKLESS; users by user principal name in lower case."""

    def __init__(self, free: int = 10) -> None:
        super().__init__()
        self.users: dict[str, Json] = {}
        self.free = free

    def answer(self, target: str) -> Reply:
        """Reads; a path that a test has set goes first."""
        path = target.partition("?")[0].replace("%40", "@")
        if path in self.replies:
            return super().answer(target)
        if path == "/subscribedSkus":
            skus = [(SKU, "SPE_E3", self.free), (OTHER, "EXCHANGEDESKLESS", 0)]
            rows = [
                {"skuId": sku, "skuPartNumber": name, "prepaidUnits": {"enabled": 7 + free}, "consumedUnits": 7}
                for sku, name, free in skus
            ]
            return Reply(200, {"value": rows})
        user = self.users.get(path.removeprefix("/users/").lower())
        return Reply(200, user) if user else NOT_FOUND

    def changed(self, path: str, body: Json) -> Reply:
        """Makes users, sets their location, assigns licences."""
        self.posted.append((path, body))
        if replies := self.replies.get(path):
            return replies.pop(0) if len(replies) > 1 else replies[0]
        if path == "/users":
            return self._made(body)
        user = next(user for user in self.users.values() if user["id"] == path.split("/")[2])
        if path.endswith("/assignLicense"):
            return self._licensed(user, body["addLicenses"][0]["skuId"])
        user |= body
        return Reply(204, b"")

    def _made(self, body: Json) -> Reply:
        upn = str(body["userPrincipalName"])
        if not upn.endswith("@contoso.com"):
            words = "The domain portion of the userPrincipalName property is invalid."
            return refusal(400, "Request_BadRequest", words)
        if upn.lower() in self.users:
            return refusal(400, "Request_BadRequest", "Another object with the same value for property exists.")
        self.users[upn.lower()] = {
            "id": f"id-{len(self.users)}",
            "userPrincipalName": upn,
            "usageLocation": body["usageLocation"],
            "assignedLicenses": [],
        }
        return Reply(201, self.users[upn.lower()])

    def _licensed(self, user: Json, sku: str) -> Reply:
        if not user["usageLocation"]:
            return refusal(400, "Request_BadRequest", "License assignment cannot be done without a usage location.")
        if not self.free:
            return refusal(400, "Request_BadRequest", "Subscription does not have any available licenses.")
        self.free -= 1
        user["assignedLicenses"].append({"skuId": sku})
        return Reply(200, user)
