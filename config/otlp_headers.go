package config

import (
	"net/url"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/http/httpguts"
	"gopkg.in/yaml.v3"
)

// stringMap reads names with a text each, which are added to those that are there. No message shows one: it may be a secret.
func (d *decoder) stringMap(to *map[string]string) field {
	return func(n *yaml.Node, path string) {
		if n.Kind != yaml.MappingNode {
			d.fail(n, "%s is no mapping: write each on a line of its own, such as \"name: value\"", path)
			return
		}
		all := map[string]string{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if !d.visit(n.Content[i]) {
				return
			}
			name, value := n.Content[i], resolveAlias(n.Content[i+1])
			if value.Kind != yaml.ScalarNode || empty(value) {
				d.fail(value, "%s has a name without a text: write each on a line of its own, such as \"name: value\"", path)
				return
			}
			all[name.Value] = value.Value
		}
		addAll(to, all)
	}
}

// keyValueList reads names and values in the form of OpenTelemetry's variables, which are added to those that are there.
func (d *decoder) keyValueList(to *map[string]string) field {
	return func(n *yaml.Node, path string) {
		all, ok := parseKeyValues(n.Value)
		if !ok {
			d.fail(n, "%s is no list of names and values: write name=value, with commas between several and %%20 for a space", path)
			return
		}
		addAll(to, all)
	}
}

// attributes reads what a variable has of them. Other than those of headers, their names may be percent-encoded.
// https://opentelemetry.io/docs/specs/otel/resource/sdk/#specifying-resource-information-via-an-environment-variable
func (d *decoder) attributes(to *map[string]string) field {
	return func(n *yaml.Node, path string) {
		var encoded map[string]string
		if d.hasErrors(func() { d.keyValueList(&encoded)(n, path) }) {
			return
		}
		all := map[string]string{}
		for encodedName, value := range encoded {
			name, err := url.PathUnescape(encodedName)
			if err != nil || !utf8.ValidString(name+value) {
				d.fail(n, "%s has what is not percent-encoded UTF-8: write %%25 for a percent sign", path)
				return
			}
			all[name] = value
		}
		addAll(to, all)
	}
}

// headers reads headers by a reader of names and values.
func (d *decoder) headers(to *map[string]string, read func(to *map[string]string) field) field {
	return func(n *yaml.Node, path string) {
		var all map[string]string
		if d.hasErrors(func() { read(&all)(n, path) }) {
			return
		}
		lower := map[string]string{}
		for name, value := range all {
			if !httpguts.ValidHeaderFieldName(name) || strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) {
				d.fail(n, "%s has what can't be sent as a header: write names of letters, digits and hyphens, and values of printable ASCII on one line", path)
				return
			}
			lower[strings.ToLower(name)] = value
		}
		addAll(to, lower)
	}
}

// keyValueFile reads members from the file whose path is the value.
func (d *decoder) keyValueFile(to *map[string]string) field {
	return func(n *yaml.Node, path string) {
		inFile := *n
		if !d.hasErrors(func() { d.secretFile(&inFile.Value)(n, path) }) {
			d.keyValueList(to)(&inFile, path)
		}
	}
}

// parseKeyValues reads name=value,name=value with percent-encoded values.
// https://opentelemetry.io/docs/specs/otel/protocol/exporter/#specifying-headers-via-environment-variables
func parseKeyValues(text string) (map[string]string, bool) {
	all := map[string]string{}
	for _, one := range strings.Split(text, ",") {
		if one = strings.TrimSpace(one); one == "" {
			continue
		}
		name, encoded, ok := strings.Cut(one, "=")
		value, err := url.PathUnescape(strings.TrimSpace(encoded))
		if name = strings.TrimSpace(name); !ok || err != nil || name == "" {
			return nil, false
		}
		all[name] = value
	}
	return all, true
}

func addAll(to *map[string]string, more map[string]string) {
	if *to == nil {
		*to = map[string]string{}
	}
	for name, value := range more {
		(*to)[name] = value
	}
}
