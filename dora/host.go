package dora

import (
	"net"
	"net/url"
	"strings"
)

// Host returns the host of a URL in the form in which hosts are compared: in lower case, without the port if it is the
// scheme's default, and without the dot that ends a fully qualified name. It is empty when the URL has no host.
func Host(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return authority(rawURL)
	}
	name, port := strings.TrimSuffix(strings.ToLower(u.Hostname()), "."), strings.TrimLeft(u.Port(), "0")
	switch {
	case name == "":
		return ""
	case port == "", u.Scheme == "https" && port == "443", u.Scheme == "http" && port == "80":
		if strings.Contains(name, ":") { // IPv6
			return "[" + name + "]"
		}
		return name
	}
	return net.JoinHostPort(name, port)
}

// Site returns the Jira site that a URL of its API or of an issue is on: the Host, followed by the base path if there is one, such as
// api.atlassian.com/ex/jira/CLOUD or jira.example.com/jira.
func Site(rawURL string) string {
	host := Host(rawURL)
	u, err := url.Parse(rawURL)
	if err != nil || host == "" {
		return host
	}
	for _, end := range []string{"/rest/", "/browse/"} {
		if base, _, ok := strings.Cut(u.EscapedPath(), end); ok {
			return host + strings.TrimRight(base, "/")
		}
	}
	return host
}

// authority returns what stands for the host in an address that is no URL, in lower case, so that two such addresses stay apart.
func authority(address string) string {
	_, rest, _ := strings.Cut(address, "://")
	rest, _, _ = strings.Cut(rest, "/")
	return strings.TrimSuffix(strings.ToLower(rest[strings.LastIndexByte(rest, '@')+1:]), ".")
}
