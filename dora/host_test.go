package dora

import "testing"

func TestHost(t *testing.T) {
	for rawURL, want := range map[string]string{
		"https://github.example.com/repos/acme/web":      "github.example.com",
		"https://GitHub.Example.com:443/repos/acme/web":  "github.example.com",
		"HTTPS://github.example.com:443":                 "github.example.com",
		"http://github.example.com:80/":                  "github.example.com",
		"http://github.example.com:443/":                 "github.example.com:443",
		"https://github.example.com:80/":                 "github.example.com:80",
		"https://github.example.com:8443/":               "github.example.com:8443",
		"https://github.example.com:/":                   "github.example.com",
		"https://github.example.com.:443/":               "github.example.com",
		"https://someone:secret@github.example.com:443/": "github.example.com",
		"https://[2001:DB8::1]:443/":                     "[2001:db8::1]",
		"https://[2001:db8::1]:8443/":                    "[2001:db8::1]:8443",
		"https://[2001:db8::1]/":                         "[2001:db8::1]",
		"//GitHub.example.com/repos":                     "github.example.com",
		"github.example.com/repos":                       "",
		"https://:443/":                                  "",
		"https://github.example.com:0443/":               "github.example.com",
		"https://GitHub.example.com:port/":               "github.example.com:port",
		"https://me@github.example.com:443./x":           "github.example.com:443",
		"/rest/api/2/issue/1":                            "",
		"":                                               "",
	} {
		if got := Host(rawURL); got != want {
			t.Errorf("Host(%q) is %q, want %q", rawURL, got, want)
		}
	}
}

// Two sites behind one host are two.
func TestSite(t *testing.T) {
	for rawURL, want := range map[string]string{
		"https://acme.atlassian.net/rest/api/2/issue/1":              "acme.atlassian.net",
		"https://Acme.atlassian.net:443/rest/api/3/issue/1":          "acme.atlassian.net",
		"https://api.atlassian.com/ex/jira/1111-aaaa/rest/api/3/x/1": "api.atlassian.com/ex/jira/1111-aaaa",
		"https://jira.example.com:8443/jira/rest/api/2/issue/1":      "jira.example.com:8443/jira",
		"https://jira.example.com/Jira/it/rest/servicedeskapi/x/1":   "jira.example.com/Jira/it",
		"https://jira.example.com//rest/api/2/issue/1":               "jira.example.com",
		"https://jira.example.com/jira/browse/INC-1":                 "jira.example.com/jira",
		"https://jira.example.com/issues/1":                          "jira.example.com",
		"https://jira.example.com/a%2Fb/rest/api/2/issue/1":          "jira.example.com/a%2Fb",
		"/rest/api/2/issue/1":                                        "",
		"INC-1":                                                      "",
		"":                                                           "",
	} {
		if got := Site(rawURL); got != want {
			t.Errorf("Site(%q) is %q, want %q", rawURL, got, want)
		}
	}
}
