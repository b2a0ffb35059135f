package deploy

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// What stands beside compose.yaml and is mounted is there, images are pinned, and no secret is in the file.
func TestCompose(t *testing.T) {
	var file struct {
		Services map[string]struct {
			Image, Build, User string
			ReadOnly           bool `yaml:"read_only"`
			Ports, Volumes     []string
			Command            []string
			Environment        map[string]string
		}
	}
	if err := yaml.Unmarshal([]byte(read(t, "../compose.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Services) < 5 {
		t.Fatalf("only %d services", len(file.Services))
	}
	pinned := regexp.MustCompile(`^[a-z0-9/-]+:v?\d+\.\d+(\.\d+)?$`)
	secret := regexp.MustCompile(`TOKEN|SECRET|PASSWORD`)
	outside := regexp.MustCompile(`^\$\{[A-Z_]+:-(admin)?\}$`)
	example := read(t, "../.env.example")
	for name, s := range file.Services {
		if s.Build == "" && !pinned.MatchString(s.Image) {
			t.Errorf("%s: the image %s is not pinned", name, s.Image)
		}
		if !s.ReadOnly || s.User == "" {
			t.Errorf("%s: its root can be written, or its user is the image's", name)
		}
		for key, value := range s.Environment {
			if secret.MatchString(key) && !outside.MatchString(value) {
				t.Errorf("%s: %s is %s", name, key, value)
			}
			for _, found := range regexp.MustCompile(`\$\{([A-Z_]+)`).FindAllStringSubmatch(value, -1) {
				if !strings.Contains(example, "\n"+found[1]+"=") {
					t.Errorf(".env.example has no %s", found[1])
				}
			}
		}
		for _, port := range s.Ports {
			if !strings.HasPrefix(port, "127.0.0.1:") && !strings.HasPrefix(port, "${WEBHOOK_ADDRESS:-127.0.0.1:8090}:") {
				t.Errorf("%s: the port %s is open to everybody", name, port)
			}
		}
		for _, argument := range s.Command {
			config, ok := strings.CutPrefix(argument, "--config.file=/etc/prometheus/")
			if !ok {
				continue
			}
			if _, err := os.Stat("prometheus/" + config); err != nil {
				t.Errorf("%s reads what is not there: %v", name, err)
			}
		}
		for _, volume := range s.Volumes {
			from, _, _ := strings.Cut(volume, ":")
			if !strings.HasPrefix(from, "./") {
				continue
			}
			if _, err := os.Stat("../" + from); err != nil {
				t.Errorf("%s mounts what is not there: %v", name, err)
			}
			if !strings.HasSuffix(volume, ":ro") {
				t.Errorf("%s may write to %s", name, from)
			}
		}
	}
}
