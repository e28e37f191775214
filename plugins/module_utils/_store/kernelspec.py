# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The Jupyter kernel of an environment: a kernel.json that starts the release that is current at that moment.

It exists where there is a current release with ipykernel. In which folder is recorded with the environment's state, so
that a rollback knows it without being told. A kernel.json that this store did not write is never touched.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

from ansible_collections.airgap.conda.plugins.module_utils._base.disk import (
    make_folder,
    os_errors,
    remove_unfinished,
    replace_file,
    text_of,
)
from ansible_collections.airgap.conda.plugins.module_utils._base.errors import AirgapError
from ansible_collections.airgap.conda.plugins.module_utils._contract.owners import require_own
from ansible_collections.airgap.conda.plugins.module_utils._store.releases import Releases

# The key in the metadata of a kernel.json that holds the root of the store which wrote it.
MARK = "airgap.conda"


def kernel_file(folder: str, env: str) -> Path:
    """Return the path of the kernel of ``env`` below a folder of kernels."""
    return Path(folder) / env / "kernel.json"


def kernel_text(store: Releases, env: str) -> str:
    """Return the kernel.json of ``env``: the same for every release.

    Jupyter interrupts the process that it started: ``airgap-envs run`` becomes Python.
    """
    run = [str(store.command), "run", env, "--"]
    kernel = {
        "argv": [*run, "python", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": env,
        "language": "python",
        "metadata": {MARK: {"store": str(store.root)}},
    }
    return json.dumps(kernel, indent=1) + "\n"


def recorded(store: Releases, env: str) -> str:
    """Return the folder of kernels that the last deploy of ``env`` was given; empty for none."""
    try:
        return _record(store, env).read_text(encoding="utf-8").rstrip("\n")
    except OSError:
        return ""


def found(store: Releases, env: str) -> str:
    """Return the path of the kernel.json that this store has written for ``env``; empty for none."""
    folder = recorded(store, env)
    return str(kernel_file(folder, env)) if folder and _is_ours(store, env, folder) else ""


def wanted(store: Releases, env: str, release: str, folder: str) -> str:
    """Return the path of the kernel.json that belongs to an installed release of ``env``; empty for none."""
    return str(kernel_file(folder, env)) if folder and starts(store, env, release) else ""


def starts(store: Releases, env: str, release: str) -> bool:
    """Tell whether ``release`` is installed and Jupyter can start it."""
    return release in store.releases(env) and store.manifest(env, release).ipykernel


def differs(store: Releases, env: str, folder: str) -> bool:
    """Tell whether ``apply`` would change anything."""
    if recorded(store, env) != folder:
        return True
    if wanted(store, env, store.current(env), folder):
        return text_of(kernel_file(folder, env)) != kernel_text(store, env)
    return bool(found(store, env))


def apply(store: Releases, env: str, folder: str) -> None:
    """Make the kernel of ``env`` what ``folder`` and the current release want; the caller holds the lock.

    Raises AirgapError when it cannot be written, or when somebody else's kernel is in its place.
    """
    with os_errors(f"Updating the Jupyter kernel of {env}", Path(folder or store.root)):
        before, path = recorded(store, env), wanted(store, env, store.current(env), folder)
        if before and (before != folder or not path):
            _remove(store, env, before)
        # Recorded before it is written and after it is removed: a run that is cut off leaves nothing unknown.
        if before != folder:
            if folder:
                replace_file(_record(store, env), f"{folder}\n".encode())
            else:
                _record(store, env).unlink()
        if path and text_of(Path(path)) != kernel_text(store, env):
            require_free(store, env, folder)
            make_folder(Path(path).parent)
            require_free(store, env, folder)  # now that it is there, nobody but root puts anything else in its place
            remove_unfinished(Path(path))
            replace_file(Path(path), kernel_text(store, env).encode())


def require_absolute(folder: str) -> None:
    """Raise AirgapError when ``folder`` depends on where the task runs."""
    if folder and not os.path.isabs(folder):
        raise AirgapError(
            "The folder of Jupyter kernels is not usable",
            code="kernels-unusable",
            wanted="an absolute path",
            found=folder,
            where="deploy_jupyter_kernels",
            remedy="name a folder that Jupyter looks at, such as /usr/local/share/jupyter/kernels",
        )


def require_free(store: Releases, env: str, folder: str) -> None:
    """Raise AirgapError when somebody else's kernel is in the place of that of ``env``."""
    path = kernel_file(folder, env)
    require_own(Path(folder), "the Jupyter kernels of this host", "choose another folder for deploy_jupyter_kernels")
    taken = path.parent.is_symlink() or (os.path.lexists(path.parent) and not path.parent.is_dir())
    if taken or (os.path.lexists(path) and not _is_ours(store, env, folder)):
        raise AirgapError(
            f"A Jupyter kernel named {env} is there already",
            code="kernel-taken",
            wanted="no such kernel, or the one that an earlier deploy of this store wrote",
            found="one of somebody else",
            where=str(path.parent if taken else path),
            remedy=f"remove it (jupyter kernelspec remove {env}) when nobody needs it, or choose another folder for "
            "deploy_jupyter_kernels",
        )


def _record(store: Releases, env: str) -> Path:
    return store.state(env) / "jupyter-kernels"


def _is_ours(store: Releases, env: str, folder: str) -> bool:
    path = kernel_file(folder, env)
    if path.parent.is_symlink():
        return False
    try:
        return bool(json.loads(text_of(path))["metadata"][MARK]["store"] == str(store.root))
    except (ValueError, KeyError, TypeError, RecursionError):
        return False


def _remove(store: Releases, env: str, folder: str) -> None:
    path = kernel_file(folder, env)
    if _is_ours(store, env, folder):
        path.unlink()
    with suppress(OSError):
        if not os.path.lexists(path):
            remove_unfinished(path)
        path.parent.rmdir()  # stays when it is not empty: somebody put a logo there, or it is not ours
