package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

// pemFile writes a file in PEM format and returns its path.
func pemFile(t *testing.T, kind string, der []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func newKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestPrivateKey(t *testing.T) {
	key := newKey(t)
	inPKCS8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other, err := x509.MarshalPKCS8PrivateKey(curve)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		path, err string
	}{
		"as GitHub makes it": {path: pemFile(t, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key))},
		"PKCS #8":            {path: pemFile(t, "PRIVATE KEY", inPKCS8)},
		"another algorithm":  {path: pemFile(t, "PRIVATE KEY", other), err: "file has no RSA key"},
		"a public key":       {path: pemFile(t, "RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&key.PublicKey)), err: "file has no RSA key"},
		"a folder":           {path: t.TempDir(), err: "it is a directory, not a regular file"},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := parsedConfig(fmt.Sprintf("github: {app: {id: 12, private_key_file: %q}}", test.path), noEnvironment)
			if test.err != "" {
				want := "config.yml:1: github.app.private_key_file can't be used: " + test.err + ": write the path of the private key in PEM format, as GitHub made it"
				if err == nil || err.Error() != want {
					t.Errorf("error %v, want %s", err, want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&GitHubApp{ID: 12, PrivateKey: key}, c.GitHub.App); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
	_, err = parsedConfig(fmt.Sprintf("github:\n  token: canary\n  app: {id: 12, private_key_file: %q}", pemFile(t, "PRIVATE KEY", inPKCS8)), noEnvironment)
	if want := "config.yml:3: github.app and a token are both set: remove one of the two"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

func parsedConfig(text string, getenv func(string) string) (*Config, error) {
	c, _, err := Parse("config.yml", []byte(text), getenv)
	return c, err
}

func TestAccounts(t *testing.T) {
	const one, two = "{owners: [acme], token: a, webhook_secret: s}", "{owners: [beta], token: b, base_url: 'https://ghe.example.com/api/v3/'}"
	acme := GitHubAccount{Key: "github.accounts[0]", BaseURL: defaultGitHub, Owners: []string{"acme"}, Token: "a", WebhookSecret: []string{"s"}}
	beta := GitHubAccount{Key: "github.accounts[1]", BaseURL: "https://ghe.example.com/api/v3/", Owners: []string{"beta"}, Token: "b"}
	short := GitHubAccount{Key: "github", BaseURL: defaultGitHub, Token: "short"}
	all := GitHubAccount{Key: "github.accounts[0]", BaseURL: defaultGitHub, Token: "all"}
	for name, test := range map[string]struct {
		text     string
		env      map[string]string
		want     []GitHubAccount
		unsigned []string
		// ignored is true if variables have no effect.
		ignored bool
	}{
		"none": {text: "", want: []GitHubAccount{{Key: "github", BaseURL: defaultGitHub}}, unsigned: []string{"github", "jira"}},
		"the short form": {
			text: "github: {token: short}", want: []GitHubAccount{short}, unsigned: []string{"github", "jira"},
		},
		"two accounts": {
			text: "github: {owner: acme, accounts: [" + one + ", " + two + "]}", want: []GitHubAccount{acme, beta}, unsigned: []string{"github", "jira"},
		},
		"all accounts have secrets": {
			text: "github: {accounts: [" + one + "]}", want: []GitHubAccount{acme}, unsigned: []string{"jira"},
		},
		"the short form for all other owners": {
			text: "github: {token: short, accounts: [" + one + "]}", want: []GitHubAccount{acme, short}, unsigned: []string{"github", "jira"},
		},
		"a variable beside accounts": {
			text: "github: {accounts: [" + one + "]}", env: map[string]string{"GITHUB_TOKEN": "short"}, want: []GitHubAccount{acme}, unsigned: []string{"jira"}, ignored: true,
		},
		"a variable beside an account for all other owners": {
			text: "github: {webhook_secret: s, accounts: [" + one + "]}", env: map[string]string{"GITHUB_TOKEN": "short"},
			want: []GitHubAccount{acme, {Key: "github", BaseURL: defaultGitHub, Token: "short", WebhookSecret: []string{"s"}}}, unsigned: []string{"jira"},
		},
		"an account for all owners": {
			text: "github: {accounts: [{token: all}]}", env: map[string]string{"GITHUB_WEBHOOK_SECRET": "s"}, want: []GitHubAccount{all}, unsigned: []string{"github", "jira"}, ignored: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, warnings, err := Parse("config.yml", []byte(test.text), func(name string) string { return test.env[name] })
			if err != nil {
				t.Fatal(err)
			}
			if ignored := len(warnings) == 1 && strings.HasPrefix(warnings[0], "GITHUB_TOKEN and GITHUB_WEBHOOK_SECRET have no effect"); ignored != test.ignored {
				t.Errorf("warnings %q", warnings)
			}
			if diff := cmp.Diff(test.want, c.GitHub.Accounts); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if diff := cmp.Diff(test.unsigned, c.Unsigned()); diff != "" {
				t.Errorf("unsigned: -want +got:\n%s", diff)
			}
		})
	}
}

func TestOwnerAccounts(t *testing.T) {
	c, err := parsedConfig("github: {accounts: [{owners: [acme], token: a}], base_url: 'https://ghe.example.com/api/v3/'}", noEnvironment)
	if err != nil {
		t.Fatal(err)
	}
	want := dora.Accounts{{BaseURL: defaultGitHub, Owners: []string{"acme"}}, {BaseURL: "https://ghe.example.com/api/v3/"}}
	if diff := cmp.Diff(want, c.GitHub.OwnerAccounts()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// Jira is looked at as often as GitHub, unless the file says otherwise.
func TestRepairInterval(t *testing.T) {
	for text, want := range map[string][2]time.Duration{
		"github: {repair: 15m}": {15 * time.Minute, 0},
		"{github: {repair: 15m}, jira: {base_url: https://a.example}}":              {15 * time.Minute, 15 * time.Minute},
		"{github: {repair: 15m}, jira: {base_url: https://a.example, repair: off}}": {15 * time.Minute, 0},
		"{github: {repair: off}, jira: {base_url: https://a.example}}":              {},
		"jira: {base_url: https://a.example, repair: 1h}":                           {0, time.Hour},
	} {
		c, _, err := Parse("config.yml", []byte(text), noEnvironment)
		if err != nil {
			t.Fatal(err)
		}
		if got := [2]time.Duration{c.GitHub.Repair, c.Jira.Repair}; got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}
