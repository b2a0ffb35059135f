package story

import (
	"encoding/base64"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// canaries are the secrets that the exporter is given in these tests; each has a word of its own, so that a part of one is
// noticed too.
var canaries = map[string]string{
	"GitHub token":             "ghp_canaryTokenOfGitHub0123456789",
	"Backstage token":          "backstage-canaryTokenOfBackstage",
	"GitHub's webhook secret":  "hook-canarySecretOfGitHub",
	"GitHub's previous secret": "hook-canaryPreviousOfGitHub",
	"Jira's webhook secret":    "hook-canarySecretOfJira",
	"Jira's webhook token":     "hook-canaryTokenOfJira",
	"password":                 "canaryPasswordOfPrometheus",
	"password as it is sent":   base64.StdEncoding.EncodeToString([]byte("prometheus:canaryPasswordOfPrometheus")),
	"password's hash":          canaryHash,
}

// canaryHash is the bcrypt hash of the password, as htpasswd -nBC 4 makes it.
const canaryHash = "$2a$04$HWXsmyVZWsJm/89dXylLGeWRl1VsuhIllbinR.Rcg3fPxk4SUPal2"

// quiet checks that a text has no secret.
func quiet(t *testing.T, where, text string) {
	t.Helper()
	for name, secret := range canaries {
		if at := strings.Index(text, secret); at >= 0 {
			t.Errorf("the %s is in %s: …%s", name, where, text[max(0, at-200):at+len(secret)])
		}
	}
	// Any part of a secret, whatever the quoting.
	if at := strings.Index(strings.ToLower(text), "canary"); at >= 0 {
		t.Errorf("a part of a secret is in %s: …%s", where, text[max(0, at-200):min(len(text), at+40)])
	}
}

// filesAreQuiet checks all files in the exporter's folder but those with the secrets.
func (e *exporter) filesAreQuiet(secrets ...string) {
	e.Helper()
	n := 0
	err := filepath.WalkDir(e.folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || slices.Contains(secrets, entry.Name()) {
			return err
		}
		data, err := os.ReadFile(path)
		n++
		quiet(e.T, "the file "+entry.Name(), string(data))
		return err
	})
	if err != nil || n < 2 {
		e.Errorf("%d files, %v", n, err)
	}
}
