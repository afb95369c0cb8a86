"""What a cluster changes on the machine that it runs on: looked at before, put back after."""

import subprocess
from pathlib import Path

# Set by the kubelet, by kube-proxy and by the bridge of the pods.
SETTINGS = ("net/ipv4/ip_forward", "net/ipv4/conf/all/route_localnet", "vm/overcommit_memory",
            "kernel/panic", "kernel/panic_on_oops", "kernel/keys/root_maxkeys",
            "kernel/keys/root_maxbytes")
CGROUPS, PODS = Path("/sys/fs/cgroup"), "kubepods"
TABLES = ("mangle", "nat", "filter")


def quietly(*command):
    """A command that may fail: what it should take away may be gone already. Its output."""
    return subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          timeout=60).stdout


class Host:
    def __init__(self, bridge):
        self.bridge = bridge
        self.settings = {name: self._setting(name).read_text() for name in SETTINGS
                         if self._setting(name).exists()}
        self.namespaces = self._network_namespaces()
        self.cgroups = set(self._cgroups())
        self.chains = set(self._chains())

    def put_back(self):
        for name in self._network_namespaces() - self.namespaces:
            quietly("ip", "netns", "delete", name)
        for line in quietly("ip", "-o", "link", "show", "master", self.bridge).splitlines():
            quietly("ip", "link", "delete", line.split()[1].split("@")[0].rstrip(":"))
        quietly("ip", "link", "delete", self.bridge)
        self._remove_chains()
        for folder in self._cgroups():
            if folder not in self.cgroups:
                quietly("find", folder, "-depth", "-type", "d", "-exec", "rmdir", "{}", ";")
        for name, text in self.settings.items():
            if self._setting(name).read_text() != text:
                self._setting(name).write_text(text)

    def _setting(self, name):
        return Path("/proc/sys") / name

    def _network_namespaces(self):
        """Those that the container runtime makes, one for each pod."""
        return {path.name for path in Path("/run/netns").glob("cni-*")}

    def _cgroups(self):
        """In each hierarchy of the first version; the only one of the second."""
        return [folder for folder in (CGROUPS / PODS, *CGROUPS.glob(f"*/{PODS}"))
                if folder.exists()]

    def _chains(self):
        for program in ("iptables", "ip6tables"):
            for table in TABLES:
                for line in quietly(program, "-t", table, "-S").splitlines():
                    if line.startswith("-N KUBE-"):
                        yield program, table, line.split()[1]

    def _remove_chains(self):
        """kube-proxy takes its own away; the kubelet leaves some."""
        for program, table, chain in set(self._chains()) - self.chains:
            for line in quietly(program, "-t", table, "-S").splitlines():
                words = line.split()
                if words[0] == "-A" and words[-2:] == ["-j", chain]:
                    quietly(program, "-t", table, "-D", *words[1:])
            quietly(program, "-t", table, "-F", chain)
            quietly(program, "-t", table, "-X", chain)
