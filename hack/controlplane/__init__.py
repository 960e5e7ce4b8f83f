"""A real local control plane for tests, benchmarks and demos: etcd, kube-apiserver, kube-controller-manager,
kube-scheduler, and nodes that are our own hollow kubelet.

`hack/cluster up|down|status --dir DIR` drives it; ``hack/controlplane/README.md`` says what it leaves where.
Nothing of the product imports this package.
"""
