package integration

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"dora-exporter/integration/pgserver"
	"dora-exporter/internal/testexporter"
)

// A replica in a network of its own loses its link to the database: packets vanish, in both directions, and no connection is closed. It
// refuses webhooks, the others go on, and when the link is back, so does it.
func TestReplicaWithoutNetwork(t *testing.T) {
	t.Parallel()
	const senders, database = "10.203.7", "10.203.8" // the networks through which the replica gets webhooks and has the database
	n := newNamespace(t, senders, database)
	server := pgserver.Start(t, "listen_addresses=*")
	server.Trust(database + ".0/24")
	r := newReplicas(t, 3, func(replica int) string {
		url := server.URL("postgres", "postgres")
		if replica == 0 {
			url = strings.Replace(url, "127.0.0.1", database+".1", 1)
		}
		return url
	}, "")
	apart := r.all[0]
	hub := r.github.at(t, senders+".1:0")
	apart.setConfig(t, strings.NewReplacer("host: 127.0.0.1", "host: "+senders+".2", r.github.URL, hub).Replace(apart.config(t)))
	apart.address = strings.Replace(apart.address, "127.0.0.1", senders+".2", 1)
	n.run(t, apart)
	for _, e := range r.all[1:] {
		e.run(t, binary)
	}
	for _, e := range r.all {
		e.waitUntilReady(t)
	}
	r.load()
	r.goesOn(t, 30)
	n.set(t, database, "down")
	eventually(t, "the replica that is cut off says so", func() error {
		if _, err := get("http://" + apart.address + "/readyz"); err == nil {
			return errors.New("it is ready")
		}
		return nil
	})
	r.goesOn(t, 60)
	n.set(t, database, "up")
	apart.waitUntilReady(t)
	r.goesOn(t, 30)
	r.check(t)
}

// namespace is a network namespace. It has the address .2 in each of its networks, and this machine .1.
type namespace struct {
	name string
	// links are the names of the interfaces of this machine, by network.
	links map[string]string
}

func newNamespace(t *testing.T, networks ...string) *namespace {
	t.Helper()
	n := &namespace{name: fmt.Sprintf("dora%d", os.Getpid()), links: map[string]string{}}
	ip(t, "netns add "+n.name)
	t.Cleanup(func() { ip(t, "netns del "+n.name) }) // with its interfaces
	ip(t, "-n "+n.name+" link set lo up")
	for i, prefix := range networks {
		here, there := fmt.Sprintf("d%da%d", os.Getpid(), i), fmt.Sprintf("d%db%d", os.Getpid(), i)
		ip(t, "link add "+here+" type veth peer name "+there+" netns "+n.name)
		t.Cleanup(func() { testexporter.AsRoot(t, "sh", "-c", "ip link del "+here+" 2>/dev/null || true") }) // it may be gone already
		ip(t, "addr add "+prefix+".1/24 dev "+here)
		ip(t, "-n "+n.name+" addr add "+prefix+".2/24 dev "+there)
		ip(t, "link set "+here+" up")
		ip(t, "-n "+n.name+" link set "+there+" up")
		n.links[prefix] = here
	}
	return n
}

// run runs an exporter in the namespace, as the user of the test, who can end it.
func (n *namespace) run(t *testing.T, e *exporter) {
	t.Helper()
	command := []string{"ip", "netns", "exec", n.name, "setpriv", fmt.Sprintf("--reuid=%d", os.Getuid()), fmt.Sprintf("--regid=%d", os.Getgid()), "--clear-groups", "--", binary}
	if os.Geteuid() != 0 {
		command = append([]string{"sudo", "-n"}, command...)
	}
	e.run(t, command[0], command[1:]...)
}

// set sets a network up or down.
func (n *namespace) set(t *testing.T, network, state string) {
	t.Helper()
	ip(t, "link set "+n.links[network]+" "+state)
}

func ip(t *testing.T, arguments string) {
	t.Helper()
	testexporter.AsRoot(t, append([]string{"ip"}, strings.Fields(arguments)...)...)
}
