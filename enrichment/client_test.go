package enrichment

import (
	"strings"
	"testing"
)

func TestNewBaseURL(t *testing.T) {
	for in, want := range map[string]string{
		"":                                "https://api.github.com/",
		"https://api.github.com":          "https://api.github.com/",
		"https://ghe.example.com/":        "https://ghe.example.com/",
		"https://ghe.example.com/api/v3":  "https://ghe.example.com/api/v3/",
		"https://ghe.example.com/api/v3/": "https://ghe.example.com/api/v3/",
		"http://127.0.0.1:9999/":          "http://127.0.0.1:9999/",
	} {
		g, err := New(Options{BaseURL: in})
		if err != nil {
			t.Fatal(err)
		}
		if got := g.base.String(); got != want {
			t.Errorf("base URL %q for %q, want %q", got, in, want)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	tests := []struct {
		name string
		Options
		want string
	}{
		{"no scheme", Options{BaseURL: "ghe.example.com"}, "must begin with https://"},
		{"another scheme", Options{BaseURL: "ftp://ghe.example.com"}, "must begin with https://"},
		{"no host", Options{BaseURL: "https:///api"}, "must begin with https://"},
		{"a password", Options{BaseURL: "https://me:canary@ghe.example.com"}, "set a token"},
		{"a password and nonsense", Options{BaseURL: "https://me:canary@ghe.example.com:x"}, "can't be parsed"},
		{"a query", Options{BaseURL: "https://ghe.example.com/?a=b"}, "leave out what begins with"},
		{"a fragment", Options{BaseURL: "https://ghe.example.com/#a"}, "leave out what begins with"},
		{"a token of two words", Options{Token: "can\nary"}, "no token has"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := New(test.Options)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("error %v, want one with %q", err, test.want)
			}
			if strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), "can\nary") {
				t.Errorf("error %q has the secret in it", err)
			}
		})
	}
}
