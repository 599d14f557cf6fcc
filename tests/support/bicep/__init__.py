"""Bicep without Azure: what files under `infra/` say (`syntax`, `declarations`), and what they would deploy for given
parameters (`deployment`). Where a template is wrong, BicepError says the file, the line and why."""
