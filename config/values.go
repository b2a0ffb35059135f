package config

import (
	"errors"
	"io/fs"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"dora-exporter/internal/age"
	"dora-exporter/internal/bounds"
)

// text reads a string. A number is accepted as one: a name may be 42.
func (d *decoder) text(to *string) field {
	return func(n *yaml.Node, path string) {
		if n.Kind != yaml.ScalarNode || empty(n) {
			d.fail(n, "%s is %s, must be text: write one value, in quotes if it has special characters", path, describe(n))
			return
		}
		*to = n.Value
	}
}

// stringList reads a list of strings.
func (d *decoder) stringList(example string, to *[]string) field {
	return d.list(example, func(n *yaml.Node, path string) {
		var item string
		d.text(&item)(n, path)
		*to = append(*to, item)
	})
}

// secrets reads a secret or a list of secrets. An empty secret is an error: anybody could sign with it.
func (d *decoder) secrets(to *[]string) field {
	return func(n *yaml.Node, path string) {
		d.eachValue(n, func(secret *yaml.Node) {
			switch {
			case secret.Kind != yaml.ScalarNode:
				d.fail(secret, "%s has %s: write one secret, or a list of secrets", path, describe(secret))
			case secret.Value == "" || empty(secret):
				d.fail(secret, "%s has an empty secret: write the secret that the sender uses, or remove the key", path)
			}
			*to = append(*to, secret.Value)
		})
	}
}

// eachValue calls read for a value, or for each item of a list.
func (d *decoder) eachValue(n *yaml.Node, read func(*yaml.Node)) {
	all := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		all = n.Content
	}
	for _, value := range all {
		if !d.visit(value) {
			return
		}
		read(resolveAlias(value))
	}
}

// secretFile reads a secret from the file whose path is the value.
func (d *decoder) secretFile(to *string) field {
	return func(n *yaml.Node, path string) {
		var file string
		if d.hasErrors(func() { d.text(&file)(n, path) }) {
			return
		}
		secret, err := readSecret(file)
		var pathErr *fs.PathError
		switch {
		case errors.Is(err, bounds.ErrNotRegular), err != nil && !errors.As(err, &pathErr):
			d.fail(n, "%s can't be used: file %s: %v", path, file, WithoutPath(err))
		case err != nil: // without the path, which may be the secret itself by mistake
			d.fail(n, "%s can't be read: %v: write the path of a file with the secret", path, pathErr.Err)
		}
		*to = secret
	}
}

// secretFiles reads secrets from one file or several.
func (d *decoder) secretFiles(to *[]string) field {
	return func(n *yaml.Node, path string) {
		d.eachValue(n, func(file *yaml.Node) {
			var secret string
			d.secretFile(&secret)(file, path)
			*to = append(*to, secret)
		})
	}
}

// port reads a port, as a number or in quotes.
func (d *decoder) port(to *int) field {
	return func(n *yaml.Node, path string) {
		if n.Kind != yaml.ScalarNode || !isPort(n.Value) {
			d.fail(n, "%s is %s, must be a port: write a number from 1 to 65535, such as 8090", path, describe(n))
			return
		}
		*to, _ = strconv.Atoi(n.Value)
	}
}

// number reads a whole number above 0.
func (d *decoder) number(to *int) field {
	return func(n *yaml.Node, path string) {
		number, err := strconv.Atoi(n.Value)
		if n.Kind != yaml.ScalarNode || err != nil || number < 1 {
			d.fail(n, "%s is %s, must be a number: write a whole number above 0, such as %d", path, describe(n), *to)
			return
		}
		*to = number
	}
}

// ratio reads a number from 0 to 1.
func (d *decoder) ratio(to *float64) field {
	return func(n *yaml.Node, path string) {
		part, err := strconv.ParseFloat(n.Value, 64)
		if n.Kind != yaml.ScalarNode || err != nil || !(part >= 0 && part <= 1) {
			d.fail(n, "%s is %s, must be a ratio: write a number from 0 to 1, such as 0.1", path, describe(n))
			return
		}
		*to = part
	}
}

// boolean reads a boolean.
func (d *decoder) boolean(to *bool) field {
	return func(n *yaml.Node, path string) {
		if n.Kind != yaml.ScalarNode || n.Decode(to) != nil {
			d.fail(n, "%s is %s, must be one of: true, false", path, describe(n))
		}
	}
}

// expression reads a regular expression. https://golang.org/s/re2syntax
func (d *decoder) expression(to **regexp.Regexp) field {
	return func(n *yaml.Node, path string) {
		var text string
		if d.hasErrors(func() { d.text(&text)(n, path) }) {
			return
		}
		var err error
		if *to, err = regexp.Compile(text); err != nil {
			d.fail(n, "%s is %s, must be a regular expression (%v): write one such as ^pr-\\d+$, in single quotes", path, describe(n), err)
		}
	}
}

// listenAddress reads an address to listen on: host:port, or :port for all of the machine's.
func (d *decoder) listenAddress(to *string) field {
	return func(n *yaml.Node, path string) {
		if n.Kind != yaml.ScalarNode || !IsListenAddress(n.Value) {
			d.fail(n, "%s is %s, must be an address to listen on: write host:port or :port, such as \":9090\"", path, describe(n))
			return
		}
		*to = n.Value
	}
}

// IsListenAddress reports whether text is an address to listen on: host:port or :port.
func IsListenAddress(text string) bool {
	_, digits, err := net.SplitHostPort(text)
	return err == nil && isPort(digits)
}

// isPort reports whether text is the number of a port.
func isPort(text string) bool {
	port, err := strconv.Atoi(text)
	return err == nil && port >= 1 && port <= 65535
}

// url reads the URL of a server.
func (d *decoder) url(to *string) field {
	return func(n *yaml.Node, path string) {
		u, err := url.Parse(n.Value)
		if n.Kind != yaml.ScalarNode || err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
			d.fail(n, "%s is %s, must be an address: write a URL such as https://github.example.com", path, describe(n))
			return
		}
		if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			d.fail(n, "%s has a user, a query or a fragment: write only scheme, host and path, such as https://github.example.com/api", path)
			return
		}
		*to = n.Value
	}
}

// duration reads a duration above 0.
func (d *decoder) duration(to *time.Duration) field {
	return func(n *yaml.Node, path string) {
		span, err := time.ParseDuration(n.Value)
		if n.Kind != yaml.ScalarNode || err != nil || span <= 0 {
			d.fail(n, "%s is %s, must be a duration: write a number with a unit, such as 90s, 15m or 1h", path, describe(n))
			return
		}
		*to = span
	}
}

// interval reads the time between two runs of something, which is 0 for the word off.
func (d *decoder) interval(to *time.Duration) field {
	return func(n *yaml.Node, path string) {
		if n.Kind == yaml.ScalarNode && n.Value == "off" {
			*to = 0
			return
		}
		span, err := time.ParseDuration(n.Value)
		if n.Kind != yaml.ScalarNode || err != nil || span < time.Second {
			d.fail(n, "%s is %s, must be off or a duration of a second at least: write one such as 15m", path, describe(n))
			return
		}
		*to = span
	}
}

// minRetention is the shortest retention: rules compare with what was deployed before, and reports look back as far by default.
const minRetention = 90 * 24 * time.Hour

// retention reads how long something is kept.
func (d *decoder) retention(to *time.Duration) field {
	return func(n *yaml.Node, path string) {
		keep, err := age.Parse(n.Value)
		if n.Kind != yaml.ScalarNode || err != nil || keep < minRetention {
			d.fail(n, "%s is %s, must be at least 90 days: write a number with a unit, such as 760d for 25 months, or remove the key to keep everything", path, describe(n))
			return
		}
		*to = keep
	}
}

// choice reads one of the options.
func (d *decoder) choice(to *string, options ...string) field {
	return func(n *yaml.Node, path string) {
		if n.Kind != yaml.ScalarNode || !slices.Contains(options, n.Value) {
			d.fail(n, "%s is %s, must be one of: %s", path, describe(n), strings.Join(options, ", "))
			return
		}
		*to = n.Value
	}
}
