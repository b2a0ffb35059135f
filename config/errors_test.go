package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// All errors of a file are reported at once, in the order of its lines, and none that only follows from another.
func TestAllErrors(t *testing.T) {
	const text = `server:
  prot: 8090
  page: maybe
github:
  token_file: testdata/missing
teams:
  - github_repositories: web
  - name: B
    github_repositories: [a/b/c]
environments:
  rewrite:
    - match: "("
catalog:
  mode: backstage
  endpoint: backstage
metrics: 7
otlp:
  enabled: true
  protocol: carrier-pigeon
  timeout: soon
`
	_, _, err := Parse("config.yml", []byte(text), noEnvironment)
	if err == nil {
		t.Fatal("no error")
	}
	want := []string{
		`config.yml:2: unknown key "prot" under server: did you mean "port"? known keys: host, metrics_listen, page, port`,
		`config.yml:3: server.page is "maybe", must be one of: on, off`,
		`config.yml:5: github.token_file can't be read: no such file or directory: write the path of a file with the secret`,
		`config.yml:7: teams[0].github_repositories is "web", must be a list: write each item on a line of its own, such as "- owner/name"`,
		`config.yml:9: teams[1].github_repositories[0] is "a/b/c", must be a repository: write owner/name, owner/* for all of an owner, or the name alone with github.owner set`,
		"config.yml:12: environments.rewrite[0].match is \"(\", must be a regular expression (error parsing regexp: missing closing ): `(`): write one such as ^pr-\\d+$, in single quotes",
		`config.yml:15: catalog.endpoint is "backstage", must be an address: write a URL such as https://github.example.com`,
		`config.yml:16: metrics is text, must be a mapping: write keys with values below it; known keys: max_series, redeployment_label`,
		`config.yml:19: otlp.protocol is "carrier-pigeon", must be one of: grpc, http/protobuf`,
		`config.yml:20: otlp.timeout is "soon", must be a duration: write a number with a unit, such as 90s, 15m or 1h`,
	}
	if diff := cmp.Diff(want, strings.Split(err.Error(), "\n")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
