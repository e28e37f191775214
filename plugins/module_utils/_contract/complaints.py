# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every complaint that a build can have about an environment: its name, how bad it is, why it breaks, what to change.

The names are those of ``allow`` in release.yml. docs/guide/build-complaints.md is made from this.
"""

from __future__ import annotations

from dataclasses import dataclass

ERROR, WARNING = "error", "warning"
# Who finds it: the look at the built environment, or the one at the packed release before it is signed.
DOCTOR, PUBLISH = "doctor", "publish"


@dataclass(frozen=True)
class Complaint:
    """One thing that can be wrong with an environment.

    ``level``: an error stops the build, a warning stands in the manifest. ``why`` is what goes wrong, ``remedy`` what
    to do in general; ``before`` and ``after`` are lines of ``file`` that show it. ``step`` is who finds it. A ``final``
    one cannot be allowed: no host would take the release.
    """

    name: str
    level: str
    title: str
    wanted: str
    why: str
    remedy: str
    before: str = ""
    after: str = ""
    file: str = "environment.yml"
    step: str = DOCTOR
    final: bool = False


CATALOGUE = (
    Complaint(
        "pip-replaced-conda-files",
        ERROR,
        "pip replaced or deleted files of a conda package",
        "each file as the package that owns it brought it",
        "conda's records, the lock and the manifest name conda's version while another one runs. Files that only "
        "conda's version has lie beside pip's, files that hold the prefix (scripts) are packed from conda's version, "
        "and conda-pack stops when a file is gone.",
        "Let conda install a version that suits the pip packages too, then pip leaves it alone. Or remove it from "
        "conda's list and let pip alone install it.",
        before="  - pyarrow\n  - pip:\n      - mlflow==2.3.1       # wants pyarrow<12,>=4.0.0",
        after="  - pyarrow=11.*\n  - pip:\n      - mlflow==2.3.1",
    ),
    Complaint(
        "conda-files-changed",
        ERROR,
        "Files of a conda package were changed or deleted after it was installed",
        "each file as its conda package brought it",
        "conda-pack stops when such a file is gone, and packs the package's own when it holds the prefix. Any other "
        "goes to the hosts as it is here, but spec and lock do not know of the change: the next build loses it.",
        "Put what you need beside the package's file instead of over it, for example with another 'to' under copies in "
        "release.yml, or into a package of its own.",
        before="copies:\n  - {from: share/mine, to: bin/tool}        # a script, its first line holds the prefix",
        after="copies:\n  - {from: share/mine, to: bin/tool-mine}",
        file="release.yml",
    ),
    Complaint(
        "conda-files-owned-twice",
        ERROR,
        "Two conda packages bring the same file with different contents",
        "each file in one package",
        "Only one of the two can be in place, and which one depends on the order in which they were linked. The other "
        "package then runs with a file that is not its own.",
        "Keep one of the two packages. Often one replaces the other under a new name, or both come from channels that "
        "cut the same software differently.",
        before="  - conda-forge::opencv\n  - other::opencv-contrib",
        after="  - conda-forge::opencv",
    ),
    Complaint(
        "distribution-from-conda-and-pip",
        ERROR,
        "conda and pip both brought the same Python package",
        "each Python package from conda or from pip",
        "Python imports one of the two and importlib.metadata may tell of the other, so what a version check sees is "
        "not what runs.",
        "Keep one of them: remove it from the pip list, and give conda's line the version that is needed.",
        before="  - opencv\n  - pip:\n      - opencv-python==4.8.1.78",
        after="  - opencv=4.8.1",
    ),
    Complaint(
        "two-dist-infos",
        ERROR,
        "A distribution is registered twice",
        "one .dist-info or .egg-info folder for each distribution",
        "importlib.metadata, and so pip and whatever looks at versions, takes the folder that it happens to read "
        "first. An interrupted update leaves this behind, or two packages that bring the same distribution.",
        "If two packages bring it, keep one. Otherwise remove the prefix and build again.",
    ),
    Complaint(
        "link-script-not-run",
        ERROR,
        "A package has a script that was not run when it was installed",
        "packages that are whole once their files are in place",
        "conda runs bin/.NAME-post-link.sh after it installed a package: to fetch the data that the package is for, to "
        "write a cache or a configuration. Hosts run no such script: a release cannot be written there. A script that "
        "only leaves a message is run always, and the message is shown.",
        "Have them run on the bastion, with every backend, by link_scripts in release.yml: what they make below the "
        "prefix is in the release. Allow it if what the script does is of no use to you.",
        before='target: {glibc: "2.31"}',
        after='target: {glibc: "2.31"}\nlink_scripts: run',
        file="release.yml",
    ),
    Complaint(
        "editable-install",
        ERROR,
        "A package is installed as a link to a source folder",
        "packages that lie inside the environment",
        "The environment has only a pointer (direct_url.json, .egg-link or a .pth file) to a folder of this machine. "
        "Hosts do not have that folder, and the import fails there.",
        "Build a wheel of it (python -m build), put that on an index or into a channel, and require it by name.",
        before="  - pip:\n      - -e ../mytool",
        after="  - pip:\n      - mytool==1.0",
    ),
    Complaint(
        "link-leads-out",
        ERROR,
        "A symbolic link leads out of the environment",
        "links to paths inside the environment, relative ones",
        "On a host it points to nothing, or to something else. Every host refuses a release with such a link.",
        "Leave out the package that brings the link, or copy what it points to with copies in release.yml from a path "
        "inside the environment.",
        final=True,
    ),
    Complaint(
        "prefix-too-long",
        ERROR,
        "The path on the hosts is too long for a binary file",
        "a path on the hosts that is not longer than the placeholder in the package's binary files",
        "A prefix in a binary file is replaced in place. A longer one does not fit, and the file would keep a path "
        "that no host has.",
        "Choose a shorter root on the hosts, or a shorter name for the environment.",
        before="build_root: /data/department/project/software/python/environments",
        after="build_root: /opt/conda-envs",
        file="group_vars/all.yml",
        final=True,
    ),
    Complaint(
        "package-cache-missing",
        ERROR,
        "Packages that the environment was made from are not in the package cache any more",
        "every package of the environment, extracted, in the cache",
        "conda-pack reads there which files hold the prefix. Without it, binary files would keep the prefix of this "
        "machine.",
        "Remove the prefix and build again: the cache is filled anew. Clean it between builds, not between the install "
        "and the pack.",
    ),
    Complaint(
        "glibc-too-new",
        ERROR,
        "The environment needs a newer glibc than its hosts have",
        "a glibc not newer than that of the oldest host, target.glibc",
        "The hosts' dynamic loader refuses a file that wants symbols of a newer glibc. A compiler's sysroot does not "
        "count: nothing loads it.",
        "Take an older build of the package. If pip compiled the file here, build in a container of the hosts' system. "
        "Allow it for a file that no host loads: hosts are then asked for the glibc of the target.",
        before='build_container: ""',
        after="build_container: ubuntu:20.04",
        file="group_vars/all.yml",
        step=PUBLISH,
    ),
    Complaint(
        "cpu-too-new",
        ERROR,
        "The environment needs a newer processor than its hosts have",
        "code for the processors of the oldest hosts, target.cpu",
        "A processor stops a program at the first instruction that it does not know.",
        "Take a build of the package for the level of the target. Allow it if the package looks at the processor "
        "before it uses that code: hosts are then asked for the processor of the target.",
        step=PUBLISH,
    ),
    Complaint(
        "cuda-unsupported",
        ERROR,
        "The environment brings a CUDA that its hosts' driver does not run",
        "a CUDA that the driver of the target runs",
        "Each CUDA asks for a driver of a certain age. With an older one the import works and the first kernel fails.",
        "Ask for a build with an older CUDA, or raise target.driver if every host has a newer driver.",
        before="  - pytorch-cuda=12.1",
        after="  - pytorch-cuda=11.8",
        step=PUBLISH,
    ),
    Complaint(
        "secret-in-release",
        ERROR,
        "A file of the release has the shape of a secret",
        "no password, token or private key in what is signed",
        "Every user of every host can read a release.",
        "Take it out, and change the secret: it was in a package or a spec already. A key that only tests use may be "
        "allowed. A credential that the build itself used can never be.",
        step=PUBLISH,
    ),
    Complaint(
        "pip-files-owned-twice",
        WARNING,
        "Two pip packages bring the same file with different contents",
        "each file in one package",
        "The one that was installed last won, and that order is not fixed. The other runs with files that are not its "
        "own.",
        "Keep one of the two. If both come as requirements of other packages, change one of those.",
        before="  - pip:\n      - opencv-python\n      - opencv-python-headless",
        after="  - pip:\n      - opencv-python-headless",
    ),
    Complaint(
        "pip-built-from-source",
        WARNING,
        "pip built packages from source on this machine",
        "wheels, which were built for old systems on purpose",
        "What comes out depends on this machine's compiler, headers and libraries. Compiled parts may need its newer "
        "glibc or libraries that hosts do not have, and a second build may give other bytes.",
        "Take the package from conda, or a version that has a wheel; --only-binary makes pip refuse what has none. If "
        "it must be built, build in a container of the hosts' system.",
        before="  - pip:\n      - fasttext==0.9.2",
        after="  - fasttext=0.9.2",
    ),
    Complaint(
        "prefix-in-binary",
        WARNING,
        "Binary files hold the path of the environment on this machine",
        "binary files that find their neighbours relative to themselves",
        "conda-pack rewrites the prefix in binary files of conda packages only. These files keep the path of the "
        "bastion; what they look for there (libraries, data) is not found on a host.",
        "Take the package from conda, or a wheel of it; usually it was compiled here.",
        before="  - pip:\n      - pycocotools==2.0.6   # no wheel for this Python",
        after="  - pycocotools=2.0.6",
    ),
    Complaint(
        "build-path-left",
        ERROR,
        "Files hold a path of the build that is not the environment's own",
        "no path of the folder that environments are built in",
        "Only the environment's own path is replaced by the one on the hosts. What stands for another environment of "
        "this machine, or for a folder of the build, leads nowhere there.",
        "Take the package from conda, or a wheel of it. If a cache of built wheels carried the path over, clear it and "
        "build again.",
        before="  - pip:\n      - mytool==1.0        # built here, with the path of another environment in it",
        after="  - mytool=1.0",
    ),
    Complaint(
        "mixed-channels",
        WARNING,
        "Packages that belong together come from different channels",
        "one channel for packages that are compiled against each other",
        "Channels compile with other compilers, BLAS libraries and CUDA versions. A mixture often solves and imports, "
        "then crashes, computes slowly, or loads two OpenMP runtimes into one process.",
        "Name one channel for all of them: channel::package pins a single package.",
        before="  - pytorch::pytorch\n  - torchvision",
        after="  - pytorch::pytorch\n  - pytorch::torchvision",
    ),
    Complaint(
        "cuda-from-conda-and-pip",
        WARNING,
        "CUDA libraries come from conda and from pip wheels",
        "one copy of each CUDA library",
        "Which copy a process loads depends on what it imports first and on LD_LIBRARY_PATH. Two versions of cuBLAS or "
        "cuDNN in one process give wrong symbols or crashes, and each copy costs hundreds of megabytes.",
        "Leave CUDA to the wheels, or take the framework from conda too.",
        before="  - cudatoolkit=11.8\n  - pip:\n      - torch==2.3.1        # brings nvidia-cublas-cu12 and others",
        after="  - pip:\n      - torch==2.3.1",
    ),
    Complaint(
        "cuda-minor-version",
        WARNING,
        "The hosts' driver runs this CUDA by minor-version compatibility only",
        "a CUDA not newer than the driver of the target",
        "Finished kernels run. Code that is compiled on the host (PTX) needs the newer driver and fails.",
        "Ask for a build with an older CUDA, or raise target.driver if every host has a newer driver.",
        before="  - cudatoolkit=11.8",
        after="  - cudatoolkit=11.4",
        step=PUBLISH,
    ),
    Complaint(
        "activation-script-fails",
        WARNING,
        "An activation script of a package does not work in every shell",
        "scripts in etc/conda/activate.d and deactivate.d that bash and sh both run to their end without a complaint",
        "Each was sourced once, in bash and in sh. Checks, kernels, fish, csh and airgap-envs run use bash where the "
        "host has it, so what works in bash works there. A user of dash or busybox, and a host without bash, gets the "
        "complaint of the shell, and not what the script sets; one that ends the shell ends the user's.",
        "Take a version of the package whose script works, or have users activate in bash.",
        before="  - gxx_linux-64=11.2          # function f() { ... }",
        after="  - gxx_linux-64=13.3",
    ),
    Complaint(
        "activation-writes",
        WARNING,
        "An activation script wants to change the release",
        "scripts that set variables, and write nothing below $CONDA_PREFIX that is not there already",
        "A release stays as it was signed, and no user may write there: on a host the script fails at this, mostly "
        "without harm. What a script only adds, small files and links into the environment, is done at the build and "
        "is part of the release; this is what it changes, removes, or writes anew each time.",
        "If something needs what the script writes, bring it with copies in release.yml, or take another version.",
    ),
    Complaint(
        "env-vars-unusable",
        WARNING,
        "A package declares an environment variable that no shell can export",
        "JSON objects of names and text in etc/conda/env_vars.d",
        "conda stops, or exports something else than was meant. Here the variable is left out.",
        "Set what is meant under activation in release.yml, or take another version of the package.",
    ),
    Complaint(
        "defaults-terms",
        WARNING,
        "Packages come from the channel defaults",
        "channels whose terms somebody has agreed to",
        "Its owner asks for agreement to terms of service, and larger organisations for a licence, also for copies on "
        "hosts without internet. conda itself stops an unattended build for it (CondaToSNonInteractiveError).",
        "Remove defaults from the channels. conda-forge has nearly all of its packages. Who has the licence allows it.",
        before="channels: [conda-forge, defaults]",
        after="channels: [conda-forge, nodefaults]",
    ),
)
ALLOWABLE = tuple(complaint.name for complaint in CATALOGUE if not complaint.final)


def complaint(name: str) -> Complaint:
    """Return the complaint of that name."""
    return next(complaint for complaint in CATALOGUE if complaint.name == name)
