package sqlstore

import (
	"strings"
	"testing"
)

func TestCutStem(t *testing.T) {
	sha := strings.Repeat("0123456789", 4)
	for text, want := range map[string]string{
		"":                                    "",
		"a":                                   "",
		"change:1":                            "",
		"deployment_status:api.github.com/12": "deployment_status:api.github.com/",
		"deployment:localhost:8080/12/production":       "deployment:localhost:8080/",
		"deployment:api.github.com/12/success":          "deployment:api.github.com/",
		"change:h/acme/web/production/#12/stage=coding": "change:h/acme/web/production/",
		"change:h/acme/web/production/" + sha:           "change:h/acme/web/production/",
		"h/acme/web@" + sha + "#12":                     "h/acme/web@",
		"jira/site/10023/jira:issue_updated/10099":      "jira/site/",
		"h/2024/web@c0ffee":                             "h/",
		"a/b/c":                                         "a/b/",
		"a/b/":                                          "a/b/",
		"//":                                            "//",
	} {
		if stem, rest := cutStem(text); stem != want || stem+rest != text {
			t.Errorf("cutStem(%q) = %q, %q; want %q", text, stem, rest, want)
		}
	}
}

// What continues a text is found by its stem.
func FuzzCutStem(f *testing.F) {
	f.Add("change:a", "stage=b/c")
	f.Add("deployment:h/12", "success")
	f.Add("a@12", "/@")
	f.Add("", "")
	f.Fuzz(func(t *testing.T, text, more string) {
		stem, rest := cutStem(text)
		longer, continued := cutStem(text + "/" + more)
		if stem+rest != text || longer+continued != text+"/"+more {
			t.Fatalf("%q is cut into %q and %q, and continued into %q and %q", text, stem, rest, longer, continued)
		}
		if longer != stem && !strings.HasPrefix(longer, text+"/") {
			t.Errorf("%q has the stem %q, continued by %q it has %q", text, stem, more, longer)
		}
	})
}
