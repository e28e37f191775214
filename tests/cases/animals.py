# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The zoo: a tiny package for each thing that packages of conda-forge, bioconda and PyPI do, and what must come of it.

An entry says what is in the package and what a user sees on a host, or the words with which a build refuses it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.airgap.conda.tests.unit.tiny_channel import SITE_PACKAGES as SITE
from ansible_collections.airgap.conda.tests.unit.tiny_channel import Content, File
from ansible_collections.airgap.conda.tests.unit.tiny_elf import make_elf

# As long as conda-build makes it. It stands in a file for the prefix the package will be installed in.
P = ("/opt/zoo_h_env" + "_placehold" * 25)[:255]
PB = P.encode()
# Room for the prefix on the bastion, not for the one on the host.
SHORT = "/short_env" + "_placehold" * 10


@dataclass(frozen=True)
class Animal:
    """A conda package, or with ``pip`` what the pip list asks for.

    It lives in the environment ``env``; ``check`` is a command of its activated release that must succeed, written for
    sh. With ``refused`` it has an environment of its own, whose build must be refused with these words; ``allow`` names
    the finding that can be allowed then. ``lines`` are more lines of that environment.yml, ``release`` of release.yml.
    """

    name: str
    files: Mapping[str, Content] = field(default_factory=dict)
    check: str = ""
    env: str = "common"
    version: str = "1.0"
    depends: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    pip: str = ""
    refused: str = ""
    allow: str = ""
    lines: tuple[str, ...] = ()
    release: str = ""


def script(text: str, interpreter: str = "bin/sh") -> bytes:
    """Return a script whose first line names a program of the environment."""
    return f"#!{P}/{interpreter}\n{text}".encode()


def activate(name: str, text: str, undo: str = "") -> dict[str, Content]:
    """Return the scripts of a package for activation."""
    files: dict[str, Content] = {f"etc/conda/activate.d/{name}.sh": text.encode()}
    return files | ({f"etc/conda/deactivate.d/{name}.sh": undo.encode()} if undo else {})


def dist(name: str, installer: str = "conda") -> dict[str, Content]:
    """Return a Python module with its metadata, as conda packages bring them."""
    info = f"{SITE}/{name}-1.0.dist-info"
    return {
        f"{SITE}/{name}/__init__.py": b"VALUE = 1\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode(),
        f"{info}/INSTALLER": f"{installer}\n".encode(),
        f"{info}/RECORD": f"{name}/__init__.py,,\n{name}-1.0.dist-info/METADATA,,\n".encode(),
    }


def holds(path: str) -> str:
    """Return a check that a file names the release and nothing of the build."""
    return f'grep -q "$CONDA_PREFIX" "$CONDA_PREFIX/{path}" && ! grep -q _placehold "$CONDA_PREFIX/{path}"'


# A C program's data section, as far as installers look: the prefix, then zeros up to the end of its room.
BINARY = b"\x7fbin\0\xff" + PB + b"/share/data\0rest\0"

ACTIVATION = (
    Animal("act-sets", activate("act-sets", "export ACT_SETS=1\n", "unset ACT_SETS\n"), '[ "$ACT_SETS" = 1 ]'),
    Animal("act-path", activate("act-path", 'export PATH="$CONDA_PREFIX/extra:$PATH"\n'),
           'echo "$PATH" | grep -q extra'),
    Animal("act-reads-unset", activate("act-reads-unset", 'export ACT_OLD="$NOBODY_SETS_THIS-"\n'),
           '[ "$ACT_OLD" = - ]'),
    Animal("act-returns-nonzero", activate("act-returns-nonzero", "export ACT_NZ=1\nfalse\n"), '[ "$ACT_NZ" = 1 ]'),
    Animal("act-set-e", activate("act-set-e", "set -e\nexport ACT_E=1\nset +e\n"), 'false; [ "$ACT_E" = 1 ]'),
    Animal("act-saves-old", activate("act-saves-old", 'export OLD_X="${X-}"; export X=new\n', 'export X="$OLD_X"\n'),
           '[ "$X" = new ]'),
    Animal("act-java", {**activate("act-java", 'export JAVA_HOME="$CONDA_PREFIX/lib/jvm"\n', "unset JAVA_HOME\n"),
                        "lib/jvm/bin/java": b"#!/bin/sh\necho openjdk 17\n", "lib/jvm/lib/modules": b"\0\1\2"},
           '"$JAVA_HOME/bin/java" | grep -q 17'),
    Animal("act-csh-fish-too", {**activate("act-csh-fish-too", "export ACT_CSH=1\n"),
                                "etc/conda/activate.d/act.csh": b"setenv ACT_CSH 1\n",
                                "etc/conda/activate.d/act.fish": b"set -gx ACT_CSH 1\n"}, '[ "$ACT_CSH" = 1 ]'),
    Animal("act-links", activate("act-links", 'if [ ! -e "$CONDA_PREFIX/share/gdb/etc" ]; then\n'
                                 '  mkdir -p "$CONDA_PREFIX/share/gdb"\n'
                                 '  ln -s "$CONDA_PREFIX/etc" "$CONDA_PREFIX/share/gdb/etc"\nfi\n'),
           '[ -L "$CONDA_PREFIX/share/gdb/etc" ]'),
    Animal("env-vars", {"etc/conda/env_vars.d/zoo.json": b'{"ZOO_VAR": "a b $c", "ZOO_COUNT": 3}\n'},
           """[ "$ZOO_VAR,$ZOO_COUNT" = 'a b $c,3' ]"""),
    Animal("act-odd-name", activate("~~last in order", "export ACT_ODD=1\n"), '[ "$ACT_ODD" = 1 ]'),
)  # fmt: skip

PREFIXES = (
    Animal("text-sh", {"bin/text-sh": script("exit 0\n", "bin/own-sh"), "bin/own-sh": b'#!/bin/sh\nexec sh "$@"\n'},
           "text-sh"),
    Animal("binary-prefix", {"bin/binary-prefix": File(BINARY, 0o755)},
           'grep -qa "$CONDA_PREFIX/share/data" "$CONDA_PREFIX/bin/binary-prefix"'),
    Animal("binary-twice", {"lib/twice.so": BINARY + BINARY + PB + b":" + PB + b"/lib\0"},
           'grep -qa "$CONDA_PREFIX:$CONDA_PREFIX/lib" "$CONDA_PREFIX/lib/twice.so"'),
    Animal("rpath-absolute", {"lib/librp.so": make_elf(["GLIBC_2.17"]) + PB + b"/lib\0"},
           'grep -qa "$CONDA_PREFIX/lib" "$CONDA_PREFIX/lib/librp.so"'),
    Animal("json-prefix", {"share/x.json": f'{{"prefix": "{P}"}}\n'.encode()}, holds("share/x.json")),
    Animal("libtool-la", {"lib/libx.la": f"libdir='{P}/lib'\n".encode()}, holds("lib/libx.la")),
    Animal("pkgconfig", {"lib/pkgconfig/x.pc": f"prefix={P}\nLibs: -L${{prefix}}/lib\n".encode()},
           holds("lib/pkgconfig/x.pc")),
    Animal("cmake", {"lib/cmake/x/xTargets.cmake": f'set(_P "{P}")\n'.encode()}, holds("lib/cmake/x/xTargets.cmake")),
    Animal("qt-conf", {"bin/qt.conf": f"[Paths]\nPrefix = {P}\n".encode()}, holds("bin/qt.conf")),
    Animal("kernel-json", {"share/jupyter/kernels/zoo/kernel.json": f'{{"argv": ["{P}/bin/python"]}}\n'.encode()},
           holds("share/jupyter/kernels/zoo/kernel.json")),
    Animal("pyc-prefix", {f"{SITE}/__pycache__/old.cpython-30.pyc": b"\0\0\0\0" + PB + b"/old.py\0"},
           'grep -qa "$CONDA_PREFIX" "$CONDA_PREFIX"/lib/python*/site-packages/__pycache__/old.cpython-30.pyc'),
    Animal("utf8-text", {"share/utf8.txt": f"{P}/é\n".encode()}, holds("share/utf8.txt")),
    Animal("latin-text", {"share/latin.txt": f"{P}/é\n".encode("latin-1")}, holds("share/latin.txt")),
    Animal("crlf-text", {"share/crlf.txt": f"{P}\r\n".encode()}, holds("share/crlf.txt")),
    Animal("etc-profile", {"etc/profile.d/zoo.sh": f"ZOO={P}\n".encode()}, holds("etc/profile.d/zoo.sh")),
    Animal("perl-like", {"bin/perl": b'#!/bin/sh\necho perl "$@"\n', "bin/perl-tool": script("print 1;\n", "bin/perl"),
                         "lib/perl5/Zoo.pm": b"package Zoo;\n1;\n"}, "perl-tool | grep -q perl"),
    Animal("prefix-in-link", {"bin/zoo-tool": ("->", "../lib/zoo/tool"), "lib/zoo/tool": b"#!/bin/sh\necho tool\n"},
           "zoo-tool | grep -q tool"),
)  # fmt: skip

FILES = (
    Animal("hard-links", {"lib/first": b"same\n" * 9, "lib/second": ("=", "lib/first")},
           'cmp "$CONDA_PREFIX/lib/first" "$CONDA_PREFIX/lib/second"'),
    Animal("case-pairs", {"share/case/README": b"1\n", "share/case/readme": b"2\n", "share/Case/x": b"3\n"},
           'cat "$CONDA_PREFIX"/share/case/[Rr]* "$CONDA_PREFIX/share/Case/x" | wc -l | grep -q 3'),
    Animal("odd-names", {"share/a b/c'd\"e$f;g*": b"1\n", "share/-n": b"2\n", "share/ünï\u2713": b"3\n",
                         "share/#x~": b"4\n", "share/.hidden": b"5\n", "share/a\\b": b"6\n"},
           'cat "$CONDA_PREFIX/share/ünï✓" "$CONDA_PREFIX/share/#x~" "$CONDA_PREFIX/share/.hidden"'),
    Animal("long-name", {"share/" + "n" * 255: b"x\n"}, 'ls "$CONDA_PREFIX/share" | grep -q nnn'),
    Animal("deep-path", {"/".join(["deep"] * 60) + "/x": b"x\n"}, '[ -d "$CONDA_PREFIX/deep/deep/deep" ]'),
    Animal("empty-files", {"share/empty": b"", f"{SITE}/emptypkg/__init__.py": b""},
           '[ -f "$CONDA_PREFIX/share/empty" ]'),
    Animal("sparse", {"share/sparse": bytes(1 << 20)}, 'wc -c < "$CONDA_PREFIX/share/sparse" | grep -q 1048576'),
    Animal("read-only", {"share/ro": File(b"x\n", 0o444)}, '[ -r "$CONDA_PREFIX/share/ro" ]'),
    Animal("private-mode", {"share/private": File(b"x\n", 0o600), "bin/private-tool": File(b"#!/bin/sh\n", 0o700)},
           'private-tool && stat -c %a "$CONDA_PREFIX/share/private" | grep -q 644'),
    Animal("world-writable", {"share/ww": File(b"x\n", 0o666)}, 'stat -c %a "$CONDA_PREFIX/share/ww" | grep -q 644'),
    Animal("setuid", {"bin/setuid-tool": File(b"#!/bin/sh\n", 0o4755), "bin/setgid-tool": File(b"#!/bin/sh\n", 0o2755)},
           'stat -c %a "$CONDA_PREFIX/bin/setuid-tool" "$CONDA_PREFIX/bin/setgid-tool" | grep -vq 755 || :'
           ' && [ ! -u "$CONDA_PREFIX/bin/setuid-tool" ]'),
    Animal("links", {"lib/libz.so.1.2": b"z", "lib/libz.so.1": ("->", "libz.so.1.2"),
                     "lib/libz.so": ("->", "libz.so.1"), "lib/dirlink": ("->", "zdir"), "lib/zdir/x": b"x\n",
                     "lib/up": ("->", "../share/links/x"), "share/links/x": b"x\n"},
           'cat "$CONDA_PREFIX/lib/libz.so" "$CONDA_PREFIX/lib/dirlink/x" "$CONDA_PREFIX/lib/up"'),
    Animal("dangling", {"share/dangling": ("->", "nothing-here")}, '[ -L "$CONDA_PREFIX/share/dangling" ]'),
    Animal("top-level", {"TOP.md": b"x\n", "backup.txt~": b"x\n"}, '[ -f "$CONDA_PREFIX/TOP.md" ]'),
    Animal("top-link", {"lib64": ("->", "lib"), "lib/top-link": b"x\n"}, 'cat "$CONDA_PREFIX/lib64/top-link"'),
    Animal("menu", {"Menu/zoo.json": b'{"menu_name": "Zoo"}\n'}, '[ -f "$CONDA_PREFIX/Menu/zoo.json" ]'),
    Animal("no-files", {}, "true"),
    Animal("_underscore", {"share/under": b"x\n"}, "true"),
    Animal("epoch", {"share/epoch": b"x\n"}, "true", version="1!2.0.post1+cu118"),
    Animal("same-file-1", {"share/same": b"same\n"}, '[ -f "$CONDA_PREFIX/share/same" ]'),
    Animal("same-file-2", {"share/same": b"same\n"}, '[ -f "$CONDA_PREFIX/share/same" ]'),
    Animal("archives", {"share/x.jar": b"PK\x05\x06" + bytes(18), "share/x.gz": b"\x1f\x8b\x08\0"}, "true"),
    Animal("envs-folder", {"envs/x": b"x\n", "pkgs/x": b"x\n"}, '[ -f "$CONDA_PREFIX/envs/x" ]'),
    Animal("own-activate", {"bin/activate": b"# a package's own\n", "bin/deactivate": b"# mine\n"},
           'grep -q "own" "$CONDA_PREFIX/bin/activate"'),
)  # fmt: skip

PYTHONS = (
    Animal("noarch-entry", {"site-packages/noarch_entry.py": b"def main():\n    print('entry')\n"},
           "noarch-entry | grep -q entry", depends=("python",),
           options={"noarch": "python", "entry_points": ["noarch-entry = noarch_entry:main"]}),
    Animal("noarch-data", {"site-packages/noarch_data/__init__.py": b"", "site-packages/noarch_data/d.txt": b"x",
                           "share/noarch/data": b"x",
                           "python-scripts/noarch-script": script("print('s')\n", "bin/python")},
           "noarch-script | grep -q s && python -c 'import noarch_data'", depends=("python",),
           options={"noarch": "python"}),
    Animal("installer-pip", dist("installer_pip", "pip"), "python -c 'import installer_pip'", depends=("python",)),
    Animal("pth-file", {f"{SITE}/zoo.pth": b"zoo_path\n", f"{SITE}/zoo_path/by_pth.py": b"V = 1\n"},
           "python -c 'import by_pth'", depends=("python",)),
    Animal("egg-info-file", {f"{SITE}/egg_file.py": b"", f"{SITE}/egg_file-1.0-py3.9.egg-info": b"Name: egg-file\n"},
           "python -c 'import egg_file'", depends=("python",)),
    Animal("old-syntax", {f"{SITE}/old_syntax/__init__.py": b"", f"{SITE}/old_syntax/two.py": b"print 1\n"},
           "python -c 'import old_syntax'", depends=("python",)),
    Animal("latin-source", {f"{SITE}/latin.py": "# coding: latin-1\nV = 'é'\n".encode("latin-1")},
           "python -c 'import latin'", depends=("python",)),
    Animal("python-link", {"lib/python3.1": ("->", SITE.split("/")[1])}, '[ -L "$CONDA_PREFIX/lib/python3.1" ]',
           depends=("python",)),
    Animal("long-script", {"bin/long-script": script("import sys\nprint(sys.argv[1])\n", "bin/python")},
           "long-script 'a b' | grep -q 'a b'", depends=("python",)),
    Animal("exec-script",
           {"bin/exec-script": f"#!/bin/sh\n'''exec' {P}/bin/python \"$0\" \"$@\"\n' '''\nprint(2)\n".encode()},
           "exec-script | grep -q 2", depends=("python",)),
    Animal("env-script", {"bin/env-script": b"#!/usr/bin/env python\nprint(3)\n"}, "env-script | grep -q 3",
           depends=("python",)),
    Animal("future-script",
           {"bin/future-script": script('"""Doc."""\nfrom __future__ import division\nprint(__doc__)\n', "bin/python")},
           "future-script | grep -q Doc", depends=("python",)),
    Animal("wheel-pure", pip="wheel-pure", check="python -c 'import wheel_pure'"),
    Animal("wheel-scripts", pip="wheel-scripts",
           check='wheel-console | grep -q console && python "$CONDA_PREFIX/bin/wheel-data" | grep -q data'),
    Animal("sdist-native", pip="sdist-native", check="python -c 'import sdist_native; assert sdist_native.CC'"),
    Animal("compiler", activate("compiler", 'export CC="$CONDA_PREFIX/bin/zoo-cc"\n', "unset CC\n"), '[ -n "$CC" ]'),
)  # fmt: skip

OTHERS = (
    Animal("r-base", {"bin/R": script('echo "R at @P@"\n'.replace("@P@", P), "bin/own-sh"),
                      "bin/own-sh": b'#!/bin/sh\nexec sh "$@"\n', "lib/R/library/base/R/base.rdb": b"\x1f\x8b\0",
                      "lib/R/etc/Renviron": f"R_HOME={P}/lib/R\n".encode()}, holds("lib/R/etc/Renviron"), env="lone"),
    Animal("julia", {"bin/julia": b"#!/bin/sh\necho julia\n", "share/julia/cert.pem": b"x"}, "julia | grep -q julia",
           env="lone"),
    Animal("nodejs", {"bin/node": b'#!/bin/sh\nexec sh "$@"\n', "bin/npm": ("->", "../lib/node_modules/npm/npm.js"),
                      "lib/node_modules/npm/npm.js": b"#!/usr/bin/env node\necho npm\n"}, "npm | grep -q npm",
           env="lone"),
    Animal("gcc-sysroot",
           {"x86_64-conda-linux-gnu/sysroot/lib64/libc.so.6": make_elf(["GLIBC_2.99"]),
            "x86_64-conda-linux-gnu/sysroot/lib64/libm.so.6": make_elf(["GLIBC_2.99"], isa=8),
            "lib/gcc/x/specs": f"*link: -L{P}/lib\n".encode(), "lib/libgcc_s.so.1": make_elf(["GLIBC_2.14"])},
           holds("lib/gcc/x/specs"), env="lone"),
    Animal("own-script", {"etc/own.conf": f"home={P} @\n".encode(),
                          "bin/.own-script-post-link.sh": b'sed -i "s,@,$PREFIX/more," "$PREFIX/etc/own.conf"\n'},
           'grep -qx "home=$CONDA_PREFIX $CONDA_PREFIX/more" "$CONDA_PREFIX/etc/own.conf"', env="linked"),
    Animal("absolute-links", {"bin/.absolute-links-post-link.sh": b'ln -s "$PREFIX/share/html" "$PREFIX/share/www"\n',
                              "share/html/index": b"x\n"}, 'cat "$CONDA_PREFIX/share/www/index"', env="linked"),
    Animal("empty-folder", {"bin/.empty-folder-post-link.sh": b'mkdir -p "$PREFIX/var/run/zoo"\n'},
           '[ -d "$CONDA_PREFIX/var/run/zoo" ]', env="linked"),
    Animal("message-only", {"bin/.message-only-post-link.sh": b'echo "Accept." >> "$PREFIX/.messages.txt"\n'},
           '[ ! -e "$CONDA_PREFIX/.messages.txt" ]'),
    Animal("conda", {"bin/conda": b"#!/bin/sh\necho conda 25.1\n", "bin/activate": b"# conda's\n",
                     "condabin/conda": ("->", "../bin/conda"), "shell/condabin/x.csh": b"x\n"},
           "conda | grep -q 25", env="with-conda"),
    Animal("post-link", {"bin/.post-link-post-link.sh":
                         b'echo "made for $PREFIX" > "$PREFIX/share/made"\necho Hello > "$PREFIX/.messages.txt"\n',
                         "bin/.post-link-pre-unlink.sh": b"exit 1\n", "share/x": b"x\n"},
           'grep -qx "made for $CONDA_PREFIX" "$CONDA_PREFIX/share/made"', env="linked"),
    *(Animal(f"{kind}-noarch", {"site-packages/pure.py": b"def main():\n    print('pure')\n"}, "pure | grep -q pure",
             env=kind, depends=("python",), options={"noarch": "python", "entry_points": ["pure = pure:main"]})
      for kind in ("freethreaded", "python2.7", "python3.6", "pypy")),
)  # fmt: skip

REFUSED = (
    Animal("link-absolute", {"share/abs": ("->", "/etc/passwd")}, refused="link-leads-out"),
    Animal("link-escapes", {"share/esc": ("->", "../../../x")}, refused="link-leads-out"),
    Animal("clash", {"share/clash": b"1\n"}, refused="conda-files-owned-twice", lines=("clash-2",),
           allow="conda-files-owned-twice"),
    Animal("script-not-run", {"bin/.script-not-run-post-link.sh": b'touch "$PREFIX/x"\n'},
           refused="`link_scripts: run`", allow="link-script-not-run"),
    Animal("script-fails", {"bin/.script-fails-post-link.sh": b"echo no data >&2\nexit 7\n"},
           release="link_scripts: run", refused="exit status 7: no data"),
    Animal("pre-link", {"bin/.pre-link-pre-link.sh": b"true\n"}, refused=".pre-link-pre-link.sh",
           allow="link-script-not-run"),
    Animal("short-room", {"bin/short-room": b"\0\xff" + SHORT.encode() + b"\0"}, refused="prefix-too-long",
           options={"placeholder": SHORT}),
    Animal("no-room", {"bin/no-room": b"\0\xff/p_h\0"}, refused="build in a folder with a shorter path",
           options={"placeholder": "/p_h"}),
    Animal("glibc-newer", {"lib/libnew.so": make_elf(["GLIBC_2.99"], {"f": "GLIBC_2.99"})},
           refused="for the symbol f", allow="glibc-too-new", release='target: {glibc: "2.28"}'),
    Animal("cpu-newer", {"lib/libfast.so": make_elf(["GLIBC_2.17"], isa=8)}, refused="x86-64-v4",
           allow="cpu-too-new", release='target: {glibc: "2.28", cpu: x86-64-v2}'),
    Animal("newline-name", {"share/a\nb": b"x\n"}, refused="cannot be released"),
    Animal("private-key", {"bin/.private-key-post-link.sh": b'ssh-keygen -q -N "" -f "$PREFIX/share/id_rsa"\n',
                           "share/x": b""}, release="link_scripts: run", refused="secret-in-release",
           allow="secret-in-release"),
    Animal("path-of-build", pip="wheel-path", refused="build-path-left", allow="build-path-left"),
    Animal("twice-conda-pip", dist("wheel_pure"), pip="wheel-pure==2.0", refused="wheel_pure", depends=("python",)),
    Animal("act-exits", activate("act-exits", "exit 3\n"), pip="wheel-pure", refused="cannot be activated"),
)  # fmt: skip

ANIMALS = (*ACTIVATION, *PREFIXES, *FILES, *PYTHONS, *OTHERS, *REFUSED)
