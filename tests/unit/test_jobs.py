"""Jobs survive the queue, and what is no job is refused in words."""

import pytest

from mailferry.state.jobs import (
    FOLDER_JOBS,
    MAILBOX_JOBS,
    FolderJob,
    MailboxJob,
    read_folder_job,
    read_mailbox_job,
    send_folder_job,
    send_mailbox_job,
)
from mailferry.state.memory import MemoryQueues


def test_jobs_survive_the_queue() -> None:
    queues = MemoryQueues()
    send_mailbox_job(queues, MailboxJob("box", 2))
    send_folder_job(queues, FolderJob("box", 2, 17, "id"))
    assert read_mailbox_job(queues.take(MAILBOX_JOBS) or "") == MailboxJob("box", 2)
    assert read_folder_job(queues.take(FOLDER_JOBS) or "") == FolderJob("box", 2, 17, "id")


def test_two_folder_jobs_never_share_an_id() -> None:
    assert FolderJob("box", 1).id != FolderJob("box", 1).id


@pytest.mark.parametrize("body", ["", "no json", "[]", "{}", '{"mailbox": 1}', '{"mailbox": "b", "pass_no": "1"}'])
def test_what_is_no_job_is_refused(body: str) -> None:
    with pytest.raises(ValueError):
        read_mailbox_job(body)
    with pytest.raises(ValueError):
        read_folder_job(body)
