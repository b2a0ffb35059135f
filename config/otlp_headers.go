package config

import (
	"net/url"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/http/httpguts"
	"gopkg.in/yaml.v3"
)

// stringMap reads a mapping of strings and adds it to the map. Messages never show a value: it may be a secret.
func (d *decoder) stringMap(to *map[string]string) field {
	return func(n *yaml.Node, path string) {
		if n.Kind != yaml.MappingNode {
			d.fail(n, "%s must be a mapping: write each entry on a line of its own, such as \"name: value\"", path)
			return
		}
		all := map[string]string{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if !d.visit(n.Content[i]) {
				return
			}
			name, value := n.Content[i], resolveAlias(n.Content[i+1])
			if value.Kind != yaml.ScalarNode || empty(value) {
				d.fail(value, "%s has a name without a value: write each entry on a line of its own, such as \"name: value\"", path)
				return
			}
			all[name.Value] = value.Value
		}
		addAll(to, all)
	}
}

// keyValueList reads a list in the form of OpenTelemetry's variables, name=value,name=value, and adds it to the map.
func (d *decoder) keyValueList(to *map[string]string) field {
	return func(n *yaml.Node, path string) {
		all, ok := parseKeyValues(n.Value)
		if !ok {
			d.fail(n, "%s must be a list of name=value: separate entries by commas and write %%20 for a space", path)
			return
		}
		addAll(to, all)
	}
}

// attributes reads the attributes in a variable. Unlike those of headers, their names may be percent-encoded.
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
				d.fail(n, "%s must be percent-encoded UTF-8: write %%25 for a percent sign", path)
				return
			}
			all[name] = value
		}
		addAll(to, all)
	}
}

// headers reads headers with stringMap, keyValueList or keyValueFile, and checks them.
func (d *decoder) headers(to *map[string]string, read func(to *map[string]string) field) field {
	return func(n *yaml.Node, path string) {
		var all map[string]string
		if d.hasErrors(func() { read(&all)(n, path) }) {
			return
		}
		lower := map[string]string{}
		for name, value := range all {
			if !httpguts.ValidHeaderFieldName(name) || strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) {
				d.fail(n, "%s has an invalid header: write names of letters, digits and hyphens, and values of printable ASCII on one line", path)
				return
			}
			lower[strings.ToLower(name)] = value
		}
		addAll(to, lower)
	}
}

// keyValueFile reads a keyValueList from the file whose path is the value.
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
	for _, item := range strings.Split(text, ",") {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		name, encoded, ok := strings.Cut(item, "=")
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
