"""A real Kubernetes on this machine: one node, everything in one folder, nothing left at its end.

It needs root, the programs that tools/kube-binaries builds, and Debian's etcd, containerd, runc and
CNI plugins. It has network addresses of its own (10.244.0.0/24 and 10.96.0.0/24) and a bridge. All
of it gives way to what else the machine does.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from host import Host, quietly

POD_NETWORK, SERVICE_NETWORK = "10.244.0.0/24", "10.96.0.0/24"
BRIDGE, BRIDGE_ADDRESS = "moneypal0", "10.244.0.1"
NODE = "n1"
PAUSE = "registry.k8s.io/pause:3.9"
FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
START_S_MAX = 180
NICENESS = 5
MEMORY_MIN = 2 << 30


class Failed(Exception):
    """Told to the person who runs the test, without a trace of the program."""


def run(*command, **options):
    """A command that has to succeed; its output."""
    options = {"check": False, "text": True, "capture_output": True, "timeout": 330, **options}
    try:
        done = subprocess.run([str(word) for word in command], **options)
    except subprocess.TimeoutExpired:
        raise Failed(f"{' '.join(str(word) for word in command[:6])} does not end") from None
    if done.returncode != 0:
        words = (done.stderr or done.stdout or "").strip()[-2000:]
        raise Failed(f"{' '.join(str(word) for word in command[:6])}: {words}")
    return done.stdout


def wait_for(what, condition, seconds=START_S_MAX):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Failed(f"{what}: not within {seconds} s")
        time.sleep(0.3)


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Cluster:
    def __init__(self, programs):
        self.programs = Path(programs)
        self.folder = Path(tempfile.mkdtemp(prefix="moneypal-kube-", dir="/var/tmp"))
        self.state = Path(tempfile.mkdtemp(prefix="moneypal-kube-", dir="/run"))
        # For what a disk would make slow, where memory can hold it.
        fast = "/dev/shm" if shutil.disk_usage("/dev/shm").free > MEMORY_MIN else "/var/tmp"
        self.memory = Path(tempfile.mkdtemp(prefix="moneypal-kube-", dir=fast))
        self.processes = []
        self.host = Host(BRIDGE)
        names = ("api", "etcd", "etcd_peer", "controllers", "scheduler", "kubelet",
                 "kubelet_health", "proxy_health", "proxy_metrics", "containerd_stream")
        self.port = dict(zip(names, free_ports(len(names))))

    # --- the parts, in the order of their start

    def start(self):
        self._make_certificates()
        self._start_etcd()
        self._start_api()
        self._make_network()
        self._start_containerd()
        self._start_controllers()
        self._start_kubelet()
        self._start_names()
        wait_for("the node", lambda: "True" in self.kubectl(
            "get", "nodes", "-o",
            'jsonpath={.items[*].status.conditions[?(@.type=="Ready")].status}'))

    def kubectl(self, *arguments, **options):
        return run(self.programs / "kubectl", "--kubeconfig", self.folder / "admin.conf",
                   *arguments, **options)

    def load_images(self, *names):
        """From podman, each layer once."""
        with subprocess.Popen(["podman", "save", "--quiet", "--multi-image-archive", *names],
                              stdout=subprocess.PIPE) as save:
            self._ctr("images", "import", "-", stdin=save.stdout, timeout=900)
        if save.returncode != 0:
            raise Failed(f"podman save {' '.join(names)} failed")

    def tag_image(self, name, other):
        self._ctr("images", "tag", "--force", name, other)

    def _ctr(self, *arguments, **options):
        return run("ctr", "--address", self.state / "containerd.sock", "-n", "k8s.io", *arguments,
                   **options)

    def _spawn(self, name, *command, environment=None):
        with open(self.folder / f"{name}.log", "wb") as log:
            process = subprocess.Popen(
                ["/usr/bin/nice", "-n", str(NICENESS), "/usr/bin/setpriv", "--pdeathsig", "TERM",
                 "--", *map(str, command)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env={**os.environ, **(environment or {})})
        self.processes.append((name, process))
        return process

    def _alive(self, name):
        process = dict(self.processes)[name]
        if process.poll() is not None:
            log = (self.folder / f"{name}.log").read_text(errors="replace")
            raise Failed(f"{name} ended by itself: {log[-1500:]}")

    def _make_certificates(self):
        folder = self.folder

        def signed(name, subject, names=""):
            run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.csr", "-subj", subject)
            (folder / "extension").write_text(names and f"subjectAltName={names}\n")
            run("openssl", "x509", "-req", "-in", folder / f"{name}.csr", "-days", "2", "-CA",
                folder / "ca.pem", "-CAkey", folder / "ca.key", "-CAcreateserial", "-extfile",
                folder / "extension", "-out", folder / f"{name}.pem")

        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-keyout", folder / "ca.key", "-out", folder / "ca.pem", "-days", "2",
            "-subj", "/CN=moneypal-test")
        signed("api", "/CN=api", "DNS:localhost,IP:127.0.0.1,IP:10.96.0.1")
        signed("admin", "/O=system:masters/CN=admin")
        signed("node", f"/O=system:nodes/CN=system:node:{NODE}")
        run("openssl", "genrsa", "-out", folder / "accounts.key", "2048")
        for user in ("admin", "node"):
            (folder / f"{user}.conf").write_text(json.dumps(self._kubeconfig(user)))

    def _kubeconfig(self, user):
        return {
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": {
                "server": f"https://127.0.0.1:{self.port['api']}",
                "certificate-authority": str(self.folder / "ca.pem")}}],
            "users": [{"name": user, "user": {
                "client-certificate": str(self.folder / f"{user}.pem"),
                "client-key": str(self.folder / f"{user}.key")}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": user}}],
        }

    def _start_etcd(self):
        client = f"http://127.0.0.1:{self.port['etcd']}"
        peer = f"http://127.0.0.1:{self.port['etcd_peer']}"
        self._spawn(
            "etcd", "etcd", "--data-dir", self.folder / "etcd", "--unsafe-no-fsync",
            "--listen-client-urls", client, "--advertise-client-urls", client,
            "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
            "--initial-cluster", f"default={peer}")

    def _start_api(self):
        folder = self.folder
        self._spawn(
            "kube-apiserver", self.programs / "kube-apiserver",
            f"--etcd-servers=http://127.0.0.1:{self.port['etcd']}",
            "--bind-address=127.0.0.1", f"--secure-port={self.port['api']}",
            "--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none",
            "--authorization-mode=Node,RBAC", f"--service-cluster-ip-range={SERVICE_NETWORK}",
            f"--client-ca-file={folder}/ca.pem", f"--tls-cert-file={folder}/api.pem",
            f"--tls-private-key-file={folder}/api.key",
            f"--kubelet-client-certificate={folder}/admin.pem",
            f"--kubelet-client-key={folder}/admin.key",
            "--kubelet-preferred-address-types=InternalIP",
            f"--service-account-key-file={folder}/accounts.key",
            f"--service-account-signing-key-file={folder}/accounts.key",
            "--service-account-issuer=https://kubernetes.default.svc")

        def answers():
            self._alive("kube-apiserver")
            try:
                return self.kubectl("get", "--raw", "/readyz") == "ok"
            except Failed:
                return False

        wait_for("the API server", answers)

    def _make_network(self):
        run("ip", "link", "add", BRIDGE, "type", "bridge")
        run("ip", "address", "add", f"{BRIDGE_ADDRESS}/24", "dev", BRIDGE)
        run("ip", "link", "set", BRIDGE, "up")
        FORWARDING.write_text("1")
        folder = self.folder / "cni"
        folder.mkdir()
        (folder / "10-moneypal.conflist").write_text(json.dumps({
            "cniVersion": "0.4.0", "name": "moneypal", "plugins": [
                {"type": "bridge", "bridge": BRIDGE, "isGateway": True,
                 "hairpinMode": True, "ipam": {
                     "type": "host-local", "dataDir": str(self.folder / "addresses"),
                     "ranges": [[{"subnet": POD_NETWORK}]], "routes": [{"dst": "0.0.0.0/0"}]}},
            ]}))

    def _start_containerd(self):
        conf = self.folder / "containerd.toml"
        conf.write_text(f"""version = 2
root = "{self.folder}/containerd"
state = "{self.state}/containerd"
[grpc]
address = "{self.state}/containerd.sock"
[ttrpc]
address = "{self.state}/containerd.sock.ttrpc"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{PAUSE}"
restrict_oom_score_adj = true
disable_apparmor = true
stream_server_address = "127.0.0.1"
stream_server_port = "{self.port['containerd_stream']}"
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "{self.folder}/cni"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = false
""")
        self._spawn("containerd", "containerd", "--config", conf)

        def answers():
            self._alive("containerd")
            try:
                return "io.containerd" in self._ctr("plugins", "list")
            except Failed:
                return False

        wait_for("containerd", answers, 60)

    def _start_controllers(self):
        conf = self.folder / "admin.conf"
        common = (f"--kubeconfig={conf}", "--leader-elect=false", "--bind-address=127.0.0.1")
        self._spawn(
            "kube-controller-manager", self.programs / "kube-controller-manager", *common,
            f"--secure-port={self.port['controllers']}", f"--root-ca-file={self.folder}/ca.pem",
            f"--service-account-private-key-file={self.folder}/accounts.key")
        self._spawn("kube-scheduler", self.programs / "kube-scheduler", *common,
                    f"--secure-port={self.port['scheduler']}")

    def _start_kubelet(self):
        (self.folder / "resolv.conf").write_text(f"nameserver {BRIDGE_ADDRESS}\n")
        conf = self.folder / "kubelet.json"
        conf.write_text(json.dumps({
            "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
            "authentication": {"anonymous": {"enabled": False}, "webhook": {"enabled": True},
                               "x509": {"clientCAFile": str(self.folder / "ca.pem")}},
            "authorization": {"mode": "Webhook"},
            "containerRuntimeEndpoint": f"unix://{self.state}/containerd.sock",
            "cgroupDriver": "cgroupfs", "cgroupRoot": "/", "failCgroupV1": False,
            "enforceNodeAllocatable": [], "oomScoreAdj": 0, "maxOpenFiles": 20000,
            "makeIPTablesUtilChains": False, "failSwapOn": False,
            "featureGates": {"KubeletInUserNamespace": True},
            "clusterDNS": [BRIDGE_ADDRESS], "clusterDomain": "cluster.local",
            "resolvConf": str(self.folder / "resolv.conf"),
            "port": self.port["kubelet"], "readOnlyPort": 0,
            "healthzPort": self.port["kubelet_health"],
            "volumePluginDir": str(self.folder / "plugins"),
            "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%",
                             "imagefs.available": "1%"},
            "imageGCHighThresholdPercent": 100, "imageGCLowThresholdPercent": 99,
        }))
        self._spawn("kubelet", self.programs / "kubelet", f"--config={conf}",
                    f"--kubeconfig={self.folder}/node.conf", f"--hostname-override={NODE}",
                    f"--root-dir={self.folder}/kubelet", f"--cert-dir={self.folder}/kubelet-pki")
        conf = self.folder / "proxy.json"
        conf.write_text(json.dumps({
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration",
            "mode": "iptables", "clusterCIDR": POD_NETWORK, "hostnameOverride": NODE,
            "clientConnection": {"kubeconfig": str(self.folder / "admin.conf")},
            "conntrack": {"maxPerCore": 0, "min": 0},
            "iptables": {"minSyncPeriod": "0s", "localhostNodePorts": False},
            "healthzBindAddress": f"127.0.0.1:{self.port['proxy_health']}",
            "metricsBindAddress": f"127.0.0.1:{self.port['proxy_metrics']}",
        }))
        self._spawn("kube-proxy", self.programs / "kube-proxy", f"--config={conf}")

    def _start_names(self):
        conf = self.folder / "Corefile"
        conf.write_text(f""".:53 {{
    bind {BRIDGE_ADDRESS}
    errors
    kubernetes cluster.local {{
        kubeconfig {self.folder}/admin.conf
        ttl 1
    }}
}}
""")
        self._spawn("coredns", self.programs / "coredns", "-conf", conf)

    # --- the end

    def stop(self):
        """Pods first, by their namespace; then every process, mount, rule and folder."""
        for name, process in reversed(self.processes):
            if name == "containerd":
                continue
            self._end(process)
        self._end_containers()
        for _name, process in self.processes:
            self._end(process)
        self._unmount()
        quietly(self.programs / "kube-proxy", "--cleanup")
        self.host.put_back()
        run("rm", "-rf", "--one-file-system", self.folder, self.state, self.memory)

    def _end(self, process):
        if process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _end_containers(self):
        """What pods are left, with the processes that hold them: each names our socket."""
        ours = str(self.state / "containerd.sock")
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = entry.read_bytes().decode(errors="replace").split("\0")
            except OSError:
                continue  # it has ended meanwhile
            if "containerd-shim" in words[0] and ours in words:
                self._end_shim(int(entry.parent.name))

    def _end_shim(self, pid):
        children = quietly("ps", "-o", "pid=", "--ppid", pid).split()
        for each in [*map(int, children), pid]:
            try:
                os.kill(each, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def _unmount(self):
        for line in reversed(Path("/proc/self/mounts").read_text().splitlines()):
            place = line.split(" ")[1]
            if place.startswith((f"{self.folder}/", f"{self.state}/")):
                quietly("umount", "-l", place)
