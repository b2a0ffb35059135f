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

	"dora-exporter/internal/bounds"
)

// text reads a text. Numbers are texts, too: a name may be 42.
func (d *decoder) text(to *string) field {
	return func(n *yaml.Node, path string) {
		if n.Kind != yaml.ScalarNode || empty(n) {
			d.fail(n, "%s is %s: write one text, in quotes if it has special characters", path, describe(n))
			return
		}
		*to = n.Value
	}
}

// stringList reads a list of texts.
func (d *decoder) stringList(example string, to *[]string) field {
	return d.list(example, func(n *yaml.Node, path string) {
		var one string
		d.text(&one)(n, path)
		*to = append(*to, one)
	})
}

// secrets reads a secret or a list of them, none of them empty: with an empty one anybody can sign.
func (d *decoder) secrets(to *[]string) field {
	return func(n *yaml.Node, path string) {
		all := []*yaml.Node{n}
		if n.Kind == yaml.SequenceNode {
			all = n.Content
		}
		for _, one := range all {
			if !d.visit(one) {
				return
			}
			one = resolveAlias(one)
			switch {
			case one.Kind != yaml.ScalarNode:
				d.fail(one, "%s has %s: write one secret, or a list of secrets", path, describe(one))
			case one.Value == "" || empty(one):
				d.fail(one, "%s has an empty secret: write the one that is set at the sender, or remove the key", path)
			}
			*to = append(*to, one.Value)
		}
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
		var with *fs.PathError
		switch {
		case errors.Is(err, bounds.ErrNotRegular), err != nil && !errors.As(err, &with):
			d.fail(n, "%s can't be used: file %s: %v", path, file, WithoutPath(err))
		case err != nil: // without the path, which may be the secret itself, by mistake
			d.fail(n, "%s can't be read: %v: write the path of a file with the secret", path, with.Err)
		}
		*to = secret
	}
}

// secretFiles reads secrets from one file or several.
func (d *decoder) secretFiles(to *[]string) field {
	return func(n *yaml.Node, path string) {
		files := []*yaml.Node{n}
		if n.Kind == yaml.SequenceNode {
			files = n.Content
		}
		for _, file := range files {
			if !d.visit(file) {
				return
			}
			var secret string
			d.secretFile(&secret)(resolveAlias(file), path)
			*to = append(*to, secret)
		}
	}
}

// port reads a port, as a number or in quotes.
func (d *decoder) port(to *int) field {
	return func(n *yaml.Node, path string) {
		port, err := strconv.Atoi(n.Value)
		if n.Kind != yaml.ScalarNode || err != nil || port < 1 || port > 65535 {
			d.fail(n, "%s is %s, not a port: write a number from 1 to 65535, such as 8090", path, describe(n))
			return
		}
		*to = port
	}
}

// number reads a whole number above 0.
func (d *decoder) number(to *int) field {
	return func(n *yaml.Node, path string) {
		number, err := strconv.Atoi(n.Value)
		if n.Kind != yaml.ScalarNode || err != nil || number < 1 {
			d.fail(n, "%s is %s: write a whole number above 0, such as %d", path, describe(n), *to)
			return
		}
		*to = number
	}
}

// ratio reads a part of a whole.
func (d *decoder) ratio(to *float64) field {
	return func(n *yaml.Node, path string) {
		part, err := strconv.ParseFloat(n.Value, 64)
		if n.Kind != yaml.ScalarNode || err != nil || !(part >= 0 && part <= 1) {
			d.fail(n, "%s is %s: write a number from 0 to 1, such as 0.1", path, describe(n))
			return
		}
		*to = part
	}
}

// boolean reads true or false.
func (d *decoder) boolean(to *bool) field {
	return func(n *yaml.Node, path string) {
		if n.Kind != yaml.ScalarNode || n.Decode(to) != nil {
			d.fail(n, "%s is %s: write true or false", path, describe(n))
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
			d.fail(n, "%s is %s, which is no regular expression (%v): write one such as ^pr-\\d+$, in single quotes", path, describe(n), err)
		}
	}
}

// listenAddress reads an address to listen on: host:port, or :port for all of the machine's.
func (d *decoder) listenAddress(to *string) field {
	return func(n *yaml.Node, path string) {
		_, text, err := net.SplitHostPort(n.Value)
		port, notNumber := strconv.Atoi(text)
		if n.Kind != yaml.ScalarNode || err != nil || notNumber != nil || port < 1 || port > 65535 {
			d.fail(n, "%s is %s, not an address to listen on: write host:port or :port, such as \":9090\"", path, describe(n))
			return
		}
		*to = n.Value
	}
}

// url reads an address of a server.
func (d *decoder) url(to *string) field {
	return func(n *yaml.Node, path string) {
		u, err := url.Parse(n.Value)
		if n.Kind != yaml.ScalarNode || err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
			d.fail(n, "%s is %s, not an address: write one such as https://github.example.com", path, describe(n))
			return
		}
		if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			d.fail(n, "%s has more than an address: write scheme, host and path alone, such as https://github.example.com/api", path)
			return
		}
		*to = n.Value
	}
}

// duration reads a time span above 0.
func (d *decoder) duration(to *time.Duration) field {
	return func(n *yaml.Node, path string) {
		span, err := time.ParseDuration(n.Value)
		if n.Kind != yaml.ScalarNode || err != nil || span <= 0 {
			d.fail(n, "%s is %s, not a duration: write a number with a unit, such as 90s, 15m or 1h", path, describe(n))
			return
		}
		*to = span
	}
}

// choice reads one of some texts.
func (d *decoder) choice(to *string, options ...string) field {
	return func(n *yaml.Node, path string) {
		if n.Kind != yaml.ScalarNode || !slices.Contains(options, n.Value) {
			d.fail(n, "%s is %s: write %s", path, describe(n), strings.Join(options, " or "))
			return
		}
		*to = n.Value
	}
}
