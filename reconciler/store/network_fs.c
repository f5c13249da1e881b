#include "reconciler/store/network_fs.h"
#include <glib.h>
#include <stdint.h>
#include <sys/vfs.h>

/* Numbers from linux/magic.h and each file system's own sources (statfs(2) lists them). FUSE carries local
 * file systems (ntfs-3g, encrypted ones) as well as remote ones (sshfs, gcsfuse), and statfs does not tell
 * them apart; none of them shares memory-mapped writes between machines, so that it is refused as a whole. 9p
 * is how virtual machines and sandboxes share a host's directory. */
static const struct {
    uint32_t magic;
    const char *name;
} network_types[] = {
    {0x6969, "NFS"},
    {0x517b, "SMB"},
    {0xff534d42, "CIFS"},
    {0xfe534d42, "SMB2"},
    {0x00c36400, "CEPH"},
    {0x01021997, "9p"},
    {0x65735546, "FUSE"},
    {0x5346414f, "AFS"},
    {0x6b414653, "kAFS"},
    {0x73757245, "Coda"},
    {0x564c, "NCP"},
    {0x0bd00bd0, "Lustre"},
    {0x01161970, "GFS2"},
    {0x7461636f, "OCFS2"},
    {0x47504653, "GPFS"},
    {0x19830326, "BeeGFS"},
    {0xaad7aaea, "PanFS"},
    {0x786f4256, "VirtualBox shared folder"},
    {0xbacbacbc, "VMware shared folder"},
};

const char *network_fs_name_of(long type)
{
    for (gsize i = 0; i < G_N_ELEMENTS(network_types); i++) {
        if (network_types[i].magic == (uint32_t)type)
            return network_types[i].name;
    }
    return NULL;
}

const char *network_fs_name(const char *path)
{
    struct statfs info;
    return statfs(path, &info) == 0 ? network_fs_name_of((long)info.f_type) : NULL;
}
