"""Which files several kernels may have: mount tables as kernels wrote them, and the real ones of this machine."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest
from cluster.support.mounts import fuse_mount

from apscheduler.cluster import filesystems
from apscheduler.cluster.filesystems import kind_in, kind_of_windows_path, shared_kind

TABLE = rb"""
22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
30 27 0:27 / /dev/shm rw,relatime - tmpfs tmpfs rw,size=24684096k
31 27 0:40 / /media/nfs rw,relatime shared:5 - nfs4 server:/export rw,vers=4.2,rsize=1048576,hard,proto=tcp
32 31 0:41 / /media/nfs/local rw,relatime shared:6 - tmpfs tmpfs rw
33 27 0:42 / /media/old rw,relatime shared:7 master:3 - nfs 10.0.0.2:/vol rw,vers=3,nolock
34 27 0:43 / /media/win rw,relatime - cifs //server/share rw,vers=3.1.1,cache=strict
35 27 0:44 / /media/with\040space rw,relatime - fuse.sshfs me@host:/home rw,user_id=0
36 27 0:45 / /media/tab\011and\134slash rw,relatime - virtiofs data rw
37 27 0:46 / /media/bound rw,nosuid - fuse /vol/files rw,user_id=0,group_id=0
38 27 8:17 / /media/ntfs rw,relatime - fuseblk /dev/sdb1 rw,allow_other,blksize=4096
39 27 0:47 / /media/bucket rw,relatime - fuse.gcsfuse bucket rw
40 27 0:48 / /media/s3 rw,relatime - fuse.s3fs s3fs rw
41 27 0:49 / /media/gluster rw,relatime - fuse.glusterfs gv0 rw
42 27 0:50 / /media/ceph rw,relatime - ceph 10.0.0.3:6789:/ rw,acl
43 27 0:51 / /media/lustre rw,relatime - lustre mgs@tcp:/fs rw,flock
44 27 0:52 / /afs rw,relatime - afs none rw
45 27 8:33 / /media/ocfs rw,relatime - ocfs2 /dev/sdc1 rw
46 27 8:34 / /media/gfs rw,relatime - gfs2 /dev/sdc2 rw
47 27 0:53 / /media/vbox rw,relatime - vboxsf share rw
48 27 0:54 / /media/hgfs rw,relatime - fuse.vmhgfs-fuse vmhgfs-fuse rw
49 27 0:55 / /media/c rw,noatime - 9p drvfs rw,dirsync,aname=drvfs;path=C:\,mmap
50 27 254:0 /vol/data /data rw,relatime - ext4 /dev/vda rw
51 27 0:40 /jobs /jobs rw,relatime shared:5 - nfs4 server:/export rw
52 27 0:56 / /rootless rw,relatime - fuse.fuse-overlayfs fuse-overlayfs rw
53 27 0:57 / /container rw,relatime - overlay overlay rw,lowerdir=/l,upperdir=/u,workdir=/w
54 27 0:58 / /desktop rw,relatime - fakeowner grpcfuse rw
55 27 0:59 / /auto rw,relatime - autofs systemd-1 rw,fd=45
56 55 0:60 / /auto/home rw,relatime - nfs4 server:/home rw
57 27 0:61 / /twice rw,relatime - nfs4 server:/twice rw
58 57 0:62 / /twice rw,relatime - tmpfs tmpfs rw
a line that is none
59 27 0:63 / /short
"""

KINDS = [
    ("/var/jobs.sqlite", "ext4", False),
    ("/dev/shm/jobs.sqlite", "tmpfs", False),
    ("/media/nfs/jobs.sqlite", "nfs4", True),
    ("/media/nfs", "nfs4", True),
    ("/media/nfsother/jobs.sqlite", "ext4", False),
    ("/media/nfs/local/jobs.sqlite", "tmpfs", False),
    ("/media/old/a/b/c", "nfs", True),
    ("/media/win/jobs.sqlite", "cifs", True),
    ("/media/with space/jobs.sqlite", "fuse.sshfs", True),
    ("/media/tab\tand\\slash/jobs.sqlite", "virtiofs", True),
    ("/media/bound/jobs.sqlite", "fuse", True),
    ("/media/ntfs/jobs.sqlite", "fuseblk", False),
    ("/media/bucket/x", "fuse.gcsfuse", True),
    ("/media/s3/x", "fuse.s3fs", True),
    ("/media/gluster/x", "fuse.glusterfs", True),
    ("/media/ceph/x", "ceph", True),
    ("/media/lustre/x", "lustre", True),
    ("/afs/cell/x", "afs", True),
    ("/media/ocfs/x", "ocfs2", True),
    ("/media/gfs/x", "gfs2", True),
    ("/media/vbox/x", "vboxsf", True),
    ("/media/hgfs/x", "fuse.vmhgfs-fuse", True),
    ("/media/c/Users/x", "9p", True),
    ("/data/jobs.sqlite", "ext4", False),
    ("/jobs/jobs.sqlite", "nfs4", True),
    ("/rootless/app/x", "fuse.fuse-overlayfs", False),
    ("/container/app/x", "overlay", False),
    ("/desktop/x", "fakeowner", True),
    ("/auto/x", "autofs", False),
    ("/auto/home/x", "nfs4", True),
    ("/twice/x", "tmpfs", False),
    ("/short/x", "ext4", False),
]


@pytest.mark.parametrize(("path", "kind", "shared"), KINDS)
def test_a_path_is_of_the_kind_of_the_mount_that_has_it(path, kind, shared):
    assert kind_in(TABLE, path.encode()) == kind
    assert filesystems.is_shared(kind) is shared


def test_a_mount_that_another_one_hides_does_not_count_where_the_device_is_known():
    table = TABLE + b"60 27 0:70 / /media rw,relatime - ext4 /dev/vdb rw\n"
    assert (
        kind_in(table, b"/media/nfs/x", b"0:70") == "ext4"
    )  # mounted over /media, with all below it
    assert kind_in(table, b"/media/nfs/x", b"0:40") == "nfs4"
    assert kind_in(table, b"/media/nfs/x", b"0:99") == "nfs4"  # btrfs gives each subvolume its own
    assert kind_in(table, b"/media/nfs/x") == "nfs4"


def test_a_table_without_a_line_for_a_path_tells_nothing():
    assert kind_in(b"", b"/x") is None
    assert kind_in(b"31 27 0:40 / /media/nfs rw - nfs4 s:/e rw\n", b"/x") is None


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (r"C:\jobs.sqlite", None),
        (r"\\server\share\jobs.sqlite", "network share"),
        ("//server/share/jobs.sqlite", "network share"),
        (r"\\?\UNC\server\share\jobs.sqlite", "network share"),
        (r"\\?\C:\jobs.sqlite", None),
        (r"\\.\pipe\x", None),
        (r"\jobs.sqlite", None),
    ],
)
def test_a_path_of_windows_tells_a_network_share(path, kind):
    assert kind_of_windows_path(path) == kind


linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a mount table")


@linux
def test_the_files_of_this_test_are_local(tmp_path):
    assert shared_kind(str(tmp_path / "not" / "there.sqlite")) is None


@linux
def test_a_real_fuse_file_system_is_recognised(tmp_path):
    with fuse_mount(tmp_path) as folder:
        inside = folder / "a" / "jobs.sqlite"
        link = tmp_path / "link"
        link.symlink_to(folder)
        assert shared_kind(str(inside)) in ("fuse", "fuse.bindfs")
        assert shared_kind(str(link / "jobs.sqlite")) in ("fuse", "fuse.bindfs")
        assert shared_kind(os.path.relpath(folder)) in ("fuse", "fuse.bindfs")
        assert shared_kind(str(tmp_path / "jobs.sqlite")) is None


@linux
def test_without_a_mount_table_the_kernel_tells_by_a_number(tmp_path, monkeypatch):
    monkeypatch.setattr(filesystems, "MOUNTS", str(tmp_path / "none"))
    assert shared_kind(str(tmp_path / "jobs.sqlite")) is None
    with fuse_mount(tmp_path) as folder:
        assert shared_kind(str(folder / "not there")) == "fuse"
        Path(folder / "there").touch()
        assert shared_kind(str(folder / "there")) == "fuse"


KERNELS_NUMBERS = Path("/usr/include/linux/magic.h")


@pytest.mark.skipif(not KERNELS_NUMBERS.exists(), reason="the kernel's headers are not installed")
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *(("NFS_SUPER_MAGIC", "nfs"), ("SMB_SUPER_MAGIC", "smbfs"), ("CIFS_SUPER_MAGIC", "cifs")),
        *(("FUSE_SUPER_MAGIC", "fuse"), ("V9FS_MAGIC", "9p"), ("CEPH_SUPER_MAGIC", "ceph")),
        *(("AFS_SUPER_MAGIC", "afs"), ("CODA_SUPER_MAGIC", "coda"), ("OCFS2_SUPER_MAGIC", "ocfs2")),
        ("SMB2_SUPER_MAGIC", "smb3"),
    ],
)
def test_the_numbers_are_the_kernels(name, kind):
    found = re.search(rf"#define\s+{name}\s+(0x[0-9a-fA-F]+)", KERNELS_NUMBERS.read_text())
    assert filesystems._MAGIC[int(found.group(1), 16)] == kind
