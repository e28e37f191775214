# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every complaint that a build can raise about an environment: its name, its level, the reason, and the remedy.

The names are the keys of ``allow`` in release.yml. docs/guide/build-complaints.md is generated from this.
"""

from __future__ import annotations

from dataclasses import dataclass

ERROR, WARNING = "error", "warning"
# Which step finds it: the inspection of the built environment, or that of the packed release before it is signed.
DOCTOR, PUBLISH = "doctor", "publish"


@dataclass(frozen=True)
class Complaint:
    """One problem that an environment can have.

    ``level``: an error stops the build, a warning is recorded in the manifest. ``why`` explains the problem, ``remedy``
    the general solution; ``before`` and ``after`` are example lines of ``file``. ``step`` is the step that finds it. A
    ``final`` complaint cannot be allowed, because every host would refuse the release.
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
        "every file as its package installed it",
        "conda's records, the lock and the manifest name conda's version, but another one runs. Files that only "
        "conda's version has are mixed with pip's, files that contain the prefix (scripts) are packed from conda's "
        "version, and conda-pack stops if a file is missing.",
        "Let conda install a version that also satisfies the pip packages; pip then keeps it. Or remove it from "
        "conda's list and let only pip install it.",
        before="  - pyarrow\n  - pip:\n      - mlflow==2.3.1       # needs pyarrow<12,>=4.0.0",
        after="  - pyarrow=11.*\n  - pip:\n      - mlflow==2.3.1",
    ),
    Complaint(
        "conda-files-changed",
        ERROR,
        "Files of a conda package were changed or deleted after it was installed",
        "every file as its conda package installed it",
        "conda-pack stops if such a file is missing, and packs the package's original if it contains the prefix. "
        "Other files reach the hosts with their changes, but spec and lock do not record these, so the next build "
        "loses them.",
        "Do not overwrite the package's file: use another path, for example another 'to' under copies in release.yml, "
        "or make a separate package.",
        before="copies:\n  - {from: share/mine, to: bin/tool}        # a script whose first line contains the prefix",
        after="copies:\n  - {from: share/mine, to: bin/tool-mine}",
        file="release.yml",
    ),
    Complaint(
        "conda-files-owned-twice",
        ERROR,
        "Two conda packages contain the same file with different contents",
        "each file in only one package",
        "Only one of the two files can be installed, depending on the order of linking. The other package then runs "
        "with a file that is not its own.",
        "Keep one of the two packages. Often one is the other's successor under a new name, or their channels split "
        "the same software differently.",
        before="  - conda-forge::opencv\n  - other::opencv-contrib",
        after="  - conda-forge::opencv",
    ),
    Complaint(
        "distribution-from-conda-and-pip",
        ERROR,
        "conda and pip both installed the same Python package",
        "each Python package from either conda or pip",
        "Python imports one of the two, but importlib.metadata may report the other, so a version check can see "
        "another version than the one that runs.",
        "Keep one of them: remove it from the pip list, and put the required version on conda's line.",
        before="  - opencv\n  - pip:\n      - opencv-python==4.8.1.78",
        after="  - opencv=4.8.1",
    ),
    Complaint(
        "two-dist-infos",
        ERROR,
        "A distribution is registered twice",
        "one .dist-info or .egg-info folder per distribution",
        "importlib.metadata, and therefore pip and version checks, use whichever folder they read first. The cause is "
        "an interrupted update, or two packages with the same distribution.",
        "If two packages contain it, keep one. Otherwise remove the prefix and build again.",
    ),
    Complaint(
        "link-script-not-run",
        ERROR,
        "A post-link script of a package was not run",
        "packages that need only their files",
        "conda runs bin/.NAME-post-link.sh after it installs a package, for example to fetch the package's data or to "
        "write a cache or a configuration. Hosts run no such scripts, because a release is read-only there. Scripts "
        "that only print a message always run, and the message is shown.",
        "Set link_scripts in release.yml to run them on the bastion, with every backend; the release then contains the "
        "files that they create below the prefix. Allow it if you do not need the script's effect.",
        before='target: {glibc: "2.31"}',
        after='target: {glibc: "2.31"}\nlink_scripts: run',
        file="release.yml",
    ),
    Complaint(
        "editable-install",
        ERROR,
        "A package is installed as a link to a source folder",
        "packages that are inside the environment",
        "The environment contains only a pointer (direct_url.json, .egg-link or a .pth file) to a folder of this "
        "machine. Hosts do not have that folder, so the import fails there.",
        "Build a wheel (python -m build), upload it to an index or a channel, and require it by name.",
        before="  - pip:\n      - -e ../mytool",
        after="  - pip:\n      - mytool==1.0",
    ),
    Complaint(
        "link-leads-out",
        ERROR,
        "A symbolic link points out of the environment",
        "relative links to paths inside the environment",
        "On a host, its target is missing or different. Every host refuses a release with such a link.",
        "Remove the package that contains the link, or replace the link by a copy: list it under copies in "
        "release.yml, with a source inside the environment.",
        final=True,
    ),
    Complaint(
        "prefix-too-long",
        ERROR,
        "The path on the hosts is too long for a binary file",
        "a path on the hosts that is not longer than the placeholder in the package's binary files",
        "A prefix in a binary file is replaced in place. A longer path does not fit, so the file would keep a path "
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
        "Packages of the environment are missing from the package cache",
        "every package of the environment, extracted, in the cache",
        "conda-pack reads there which files contain the prefix. Without it, binary files would keep the prefix of this "
        "machine.",
        "Remove the prefix and build again to refill the cache. Clean the cache between builds, not between installing "
        "and packing.",
    ),
    Complaint(
        "glibc-too-new",
        ERROR,
        "The environment needs a newer glibc than its hosts have",
        "a glibc not newer than that of the oldest host, target.glibc",
        "The hosts' dynamic loader refuses a file that needs symbols of a newer glibc. A compiler's sysroot does not "
        "count, because it is never loaded.",
        "Use an older build of the package. If pip compiled the file here, build in a container of the hosts' system. "
        "Allow it for a file that no host loads; the release then requires only the target's glibc of hosts.",
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
        "A processor stops a program at the first unknown instruction.",
        "Use a build of the package for the level of the target. Allow it if the package checks the processor before "
        "it uses that code; the release then requires only the target's processor of hosts.",
        step=PUBLISH,
    ),
    Complaint(
        "cuda-unsupported",
        ERROR,
        "The environment contains a CUDA that its hosts' driver does not support",
        "a CUDA that the driver of the target supports",
        "Each CUDA version needs a minimum driver. With an older one, the import works and the first kernel fails.",
        "Request a build with an older CUDA, or raise target.driver if every host has a newer driver.",
        before="  - pytorch-cuda=12.1",
        after="  - pytorch-cuda=11.8",
        step=PUBLISH,
    ),
    Complaint(
        "secret-in-release",
        ERROR,
        "A file of the release looks like it contains a secret",
        "no password, token or private key in a signed release",
        "Every user of every host can read a release.",
        "Remove it, and change the secret, because it was in a package or a spec. A key that only tests use can be "
        "allowed. A credential that the build itself used can never be allowed.",
        step=PUBLISH,
    ),
    Complaint(
        "pip-files-owned-twice",
        WARNING,
        "Two pip packages contain the same file with different contents",
        "each file in only one package",
        "The package that was installed last wins, and this order is not fixed. The other runs with files that are not "
        "its own.",
        "Keep one of the two. If both are requirements of other packages, change one of those.",
        before="  - pip:\n      - opencv-python\n      - opencv-python-headless",
        after="  - pip:\n      - opencv-python-headless",
    ),
    Complaint(
        "pip-built-from-source",
        WARNING,
        "pip built packages from source on this machine",
        "wheels, which are deliberately built for old systems",
        "The result depends on this machine's compiler, headers and libraries. Compiled parts may need its newer "
        "glibc or libraries that hosts lack, and a second build may give other bytes.",
        "Use conda's package, or a version with a wheel; with --only-binary, pip refuses packages without one. If it "
        "must be built, build in a container of the hosts' system.",
        before="  - pip:\n      - fasttext==0.9.2",
        after="  - fasttext=0.9.2",
    ),
    Complaint(
        "prefix-in-binary",
        WARNING,
        "Binary files contain the path of the environment on this machine",
        "binary files that use paths relative to themselves",
        "conda-pack rewrites the prefix only in binary files of conda packages. These files keep the path of the "
        "bastion, so hosts do not find the libraries or data there.",
        "Use conda's package, or a wheel; usually it was compiled here.",
        before="  - pip:\n      - pycocotools==2.0.6   # no wheel for this Python",
        after="  - pycocotools=2.0.6",
    ),
    Complaint(
        "build-path-left",
        ERROR,
        "Files contain a path of the build folder that is not the environment's own",
        "no path of the folder in which environments are built",
        "Only the environment's own path is replaced by the path on the hosts. Paths of other environments on this "
        "machine, or of build folders, do not exist there.",
        "Use conda's package, or a wheel. If the path comes from a cache of built wheels, clear the cache and build "
        "again.",
        before="  - pip:\n      - mytool==1.0        # built here, contains the path of another environment",
        after="  - mytool=1.0",
    ),
    Complaint(
        "mixed-channels",
        WARNING,
        "Packages that belong together come from different channels",
        "one channel for packages that are compiled against each other",
        "Channels use different compilers, BLAS libraries and CUDA versions. A mixture often solves and imports, but "
        "then crashes, computes slowly, or loads two OpenMP runtimes into one process.",
        "Use one channel for all of them: channel::package pins a single package.",
        before="  - pytorch::pytorch\n  - torchvision",
        after="  - pytorch::pytorch\n  - pytorch::torchvision",
    ),
    Complaint(
        "cuda-from-conda-and-pip",
        WARNING,
        "CUDA libraries come from conda and from pip wheels",
        "one copy of each CUDA library",
        "The order of imports and LD_LIBRARY_PATH decide which copy a process loads. Two versions of cuBLAS or cuDNN "
        "in one process cause wrong symbols or crashes, and each copy takes hundreds of megabytes.",
        "Use CUDA from the wheels only, or install the framework with conda too.",
        before="  - cudatoolkit=11.8\n  - pip:\n      - torch==2.3.1        # installs nvidia-cublas-cu12 and others",
        after="  - pip:\n      - torch==2.3.1",
    ),
    Complaint(
        "cuda-minor-version",
        WARNING,
        "The hosts' driver supports this CUDA only through minor-version compatibility",
        "a CUDA not newer than the driver of the target",
        "Precompiled kernels run. Code that is compiled on the host (PTX) needs the newer driver and fails.",
        "Request a build with an older CUDA, or raise target.driver if every host has a newer driver.",
        before="  - cudatoolkit=11.8",
        after="  - cudatoolkit=11.4",
        step=PUBLISH,
    ),
    Complaint(
        "activation-script-fails",
        WARNING,
        "An activation script of a package does not work in every shell",
        "scripts in etc/conda/activate.d and deactivate.d that run in both bash and sh without errors",
        "The build sourced each script once, in bash and in sh. Checks, kernels, fish, csh and airgap-envs run use "
        "bash if the host has it, so a script that works in bash works there. Users of dash or busybox, and hosts "
        "without bash, get the shell's error message instead of the script's variables; a script that exits ends the "
        "user's shell.",
        "Use a version of the package whose script works, or let users activate in bash.",
        before="  - gxx_linux-64=11.2          # function f() { ... }",
        after="  - gxx_linux-64=13.3",
    ),
    Complaint(
        "activation-writes",
        WARNING,
        "An activation script tries to change the release",
        "scripts that set variables and write nothing new below $CONDA_PREFIX",
        "A release is read-only and stays as signed: on a host, the script fails to write, mostly without harm. The "
        "build already applies files that a script only adds (small files, and links into the environment) to the "
        "release; the finding lists the files that it changes, removes, or rewrites each time.",
        "If these files are needed, add them with copies in release.yml, or use another version of the package.",
    ),
    Complaint(
        "env-vars-unusable",
        WARNING,
        "A package declares an environment variable that no shell can export",
        "JSON objects of names and text in etc/conda/env_vars.d",
        "conda stops, or exports a wrong value. Here the variable is left out.",
        "Set the variable under activation in release.yml, or use another version of the package.",
    ),
    Complaint(
        "defaults-terms",
        WARNING,
        "Packages come from the channel defaults",
        "channels whose terms you have accepted",
        "Its owner requires acceptance of terms of service, and a licence for larger organisations, even for copies on "
        "hosts without internet. conda itself stops an unattended build (CondaToSNonInteractiveError).",
        "Remove defaults from the channels; conda-forge has nearly all of its packages. Allow it if you have the "
        "licence.",
        before="channels: [conda-forge, defaults]",
        after="channels: [conda-forge, nodefaults]",
    ),
)
ALLOWABLE = tuple(complaint.name for complaint in CATALOGUE if not complaint.final)


def complaint(name: str) -> Complaint:
    """Return the complaint of that name."""
    return next(complaint for complaint in CATALOGUE if complaint.name == name)
