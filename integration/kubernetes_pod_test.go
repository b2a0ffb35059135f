package integration

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"dora-exporter/internal/markdown"
	"dora-exporter/internal/testexporter"
)

// pod is the container of the StatefulSet, run by its manifest: a root folder with the files of the image and the volumes, with
// the owners and modes that Kubernetes gives them, and the user, arguments and variables of the manifest. Only ports differ.
type pod struct {
	manifests *manifests
	root      string
	// addresses has an address for each named port.
	addresses map[string]string
	process   *exec.Cmd
	output    testexporter.Buffer
}

func newPod(t *testing.T, m *manifests) *pod {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can give the exporter a root folder and another user")
	}
	p := &pod{manifests: m, root: t.TempDir(), addresses: map[string]string{}}
	spec := m.statefulSet.Spec.Template.Spec
	program, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(p.root, "dora-exporter"), string(program), 0o755)
	for _, folder := range []string{"/", "/data", "/proc"} {
		p.folder(t, folder, 0o755, 0)
	}
	group := int(*spec.SecurityContext.FSGroup)
	for _, mount := range spec.Containers[0].VolumeMounts {
		switch volume := p.volume(t, mount.Name); {
		case volume == nil: // the claim: a new disk
			p.folder(t, mount.MountPath, 0o775|os.ModeSetgid, group)
			p.folder(t, filepath.Join(mount.MountPath, "lost+found"), 0o700, 0)
		case volume.EmptyDir != nil:
			p.folder(t, mount.MountPath, 0o777|os.ModeSetgid, group)
		case volume.ConfigMap != nil && volume.ConfigMap.Name == m.config.Name:
			p.files(t, mount.MountPath, map[string]string{"config.yml": p.withPorts(t, m.config.Data["config.yml"])}, 0o644, group)
		case volume.Secret != nil:
			p.files(t, mount.MountPath, documentedSecrets(t, volume.Secret.SecretName), os.FileMode(*volume.Secret.DefaultMode), group)
		default:
			t.Fatalf("unexpected volume %s", mount.Name)
		}
	}
	t.Cleanup(func() {
		if p.process != nil && p.process.ProcessState == nil {
			_ = p.process.Process.Kill()
			_ = p.process.Wait()
		}
		if t.Failed() {
			t.Logf("the exporter said:\n%s", p.output.String())
		}
	})
	return p
}

// volume returns the volume of a mount; nil if it is the claim.
func (p *pod) volume(t *testing.T, name string) *corev1.Volume {
	t.Helper()
	set := p.manifests.statefulSet.Spec
	for i := range set.Template.Spec.Volumes {
		if set.Template.Spec.Volumes[i].Name == name {
			return &set.Template.Spec.Volumes[i]
		}
	}
	if set.VolumeClaimTemplates[0].Name != name {
		t.Fatalf("there is no volume %s", name)
	}
	return nil
}

// withPorts gives the named ports free addresses, and returns the configuration with them.
func (p *pod) withPorts(t *testing.T, config string) string {
	t.Helper()
	for _, port := range p.manifests.statefulSet.Spec.Template.Spec.Containers[0].Ports {
		address := testexporter.FreeAddress(t)
		_, free, err := net.SplitHostPort(address)
		if err != nil {
			t.Fatal(err)
		}
		number := regexp.MustCompile(fmt.Sprintf(`\b%d\b`, port.ContainerPort))
		if len(number.FindAllString(config, -1)) != 1 {
			t.Fatalf("port %d of the pod is not once in the configuration:\n%s", port.ContainerPort, config)
		}
		config = number.ReplaceAllString(config, free)
		p.addresses[port.Name] = address
	}
	return config
}

// documentedSecrets returns the keys of the Secret that docs/kubernetes.md creates. The value of each is the secret of the tests.
func documentedSecrets(t *testing.T, name string) map[string]string {
	t.Helper()
	_, command, found := strings.Cut(markdown.Read(t, "docs/kubernetes.md").Text, "create secret generic "+name+" ")
	command, _, _ = strings.Cut(command, "```")
	secrets := map[string]string{}
	for _, key := range regexp.MustCompile(`--from-(?:file|literal)=([a-z-]+)=`).FindAllStringSubmatch(command, -1) {
		secrets[key[1]] = secret
	}
	if !found || len(secrets) == 0 {
		t.Fatalf("docs/kubernetes.md creates no secret %s", name)
	}
	return secrets
}

// folder makes a folder that belongs to root and a group.
func (p *pod) folder(t *testing.T, path string, mode os.FileMode, group int) {
	t.Helper()
	full := filepath.Join(p.root, path)
	if err := os.MkdirAll(full, 0o755); err != nil {
		t.Fatal(err)
	}
	own(t, full, mode, group)
}

// files makes a folder with files as Kubernetes does: each is a link to one in a folder that changes with the content.
func (p *pod) files(t *testing.T, path string, files map[string]string, mode os.FileMode, group int) {
	t.Helper()
	full := filepath.Join(p.root, path)
	p.folder(t, filepath.Join(path, "..2026_01_15"), 0o755, group)
	for name, content := range files {
		write(t, filepath.Join(full, "..2026_01_15", name), content, mode)
		own(t, filepath.Join(full, "..2026_01_15", name), mode, group)
		if err := os.Symlink(filepath.Join("..data", name), filepath.Join(full, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("..2026_01_15", filepath.Join(full, "..data")); err != nil {
		t.Fatal(err)
	}
}

// remove removes a file.
func (p *pod) remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(filepath.Join(p.root, path)); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path, content string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}

func own(t *testing.T, path string, mode os.FileMode, group int) {
	t.Helper()
	if err := os.Chown(path, 0, group); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // whatever the umask
		t.Fatal(err)
	}
}

// command returns the command of the container with further arguments, as kubectl exec runs it. It reaches no network.
func (p *pod) command(args ...string) *exec.Cmd {
	spec := p.manifests.statefulSet.Spec.Template.Spec
	user, group := *spec.SecurityContext.RunAsUser, *spec.SecurityContext.RunAsGroup
	enter := fmt.Sprintf(`mount --rbind /proc "$0/proc" && exec chroot --userspec=%d:%d --groups=%d "$0" /dora-exporter "$@"`, user, group, *spec.SecurityContext.FSGroup)
	c := exec.Command("unshare", append(append([]string{"--mount", "sh", "-c", enter, p.root}, spec.Containers[0].Args...), args...)...)
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "HTTPS_PROXY=http://127.0.0.1:1"}
	for _, variable := range spec.Containers[0].Env {
		c.Env = append(c.Env, variable.Name+"="+variable.Value)
	}
	return c
}

// start starts the exporter and waits until the readiness probe succeeds.
func (p *pod) start(t *testing.T) {
	t.Helper()
	p.process = p.command()
	p.process.Stdout, p.process.Stderr = &p.output, &p.output
	if err := p.process.Start(); err != nil {
		t.Fatal(err)
	}
	probe := p.manifests.statefulSet.Spec.Template.Spec.Containers[0].ReadinessProbe.HTTPGet
	eventually(t, "the pod is ready", func() error { _, err := get(p.url(probe.Port.StrVal, probe.Path)); return err })
}

// stop stops the exporter as Kubernetes does.
func (p *pod) stop() error {
	if err := p.process.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return p.process.Wait()
}
