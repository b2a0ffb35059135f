package main

import (
	"fmt"
	"maps"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// decoder reads YAML nodes into variables and keeps the first error, with the line it is about.
type decoder struct {
	file     string
	err      error
	warnings []string
	// at is where each key's value stands.
	at map[string]*yaml.Node
}

// field reads the value of a key; path is the key with those above it, such as server.port.
type field func(n *yaml.Node, path string)

// fields are the keys of a mapping.
type fields map[string]field

// fail keeps the first error.
func (d *decoder) fail(n *yaml.Node, format string, args ...any) {
	if d.err != nil {
		return
	}
	line := 1
	if n != nil {
		line = n.Line
	}
	d.err = fmt.Errorf("%s:%d: %s", d.file, line, fmt.Sprintf(format, args...))
}

// mapping reads a mapping. Unknown keys and keys that are there twice are errors.
func (d *decoder) mapping(n *yaml.Node, path string, known fields) {
	if empty(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		d.fail(n, "%s is %s: write keys with values below it; known keys are %s", name(path), kind(n), names(known))
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], resolved(n.Content[i+1])
		read, ok := known[key.Value]
		switch {
		case !ok:
			d.fail(key, "unknown key %q%s: %sknown keys here are %s", key.Value, under(path), didYouMean(key.Value, known), names(known))
			return
		case seen[key.Value]:
			d.fail(key, "%s is there twice: keep one of the two", join(path, key.Value))
			return
		}
		seen[key.Value] = true
		if plain := strings.TrimSuffix(key.Value, "_file"); seen[plain] && seen[plain+"_file"] {
			d.fail(key, "%s and %s_file are both set: keep one of the two", join(path, plain), join(path, plain))
			return
		}
		if d.at == nil {
			d.at = map[string]*yaml.Node{}
		}
		d.at[join(path, key.Value)] = value
		if !empty(value) {
			read(value, join(path, key.Value))
		}
	}
}

// section reads a mapping below a key.
func (d *decoder) section(known fields) field {
	return func(n *yaml.Node, path string) { d.mapping(n, path, known) }
}

// list reads a list; each item is what it should be.
func (d *decoder) list(item string, read field) field {
	return func(n *yaml.Node, path string) {
		if n.Kind != yaml.SequenceNode {
			d.fail(n, "%s is %s, not a list: write each item on a line of its own, after \"- \": %s", path, kind(n), item)
			return
		}
		for i, one := range n.Content {
			at := fmt.Sprintf("%s[%d]", path, i)
			d.at[at] = resolved(one)
			read(resolved(one), at)
		}
	}
}

// text reads a text. Numbers are texts, too: a name may be 42.
func (d *decoder) text(to *string) field {
	return func(n *yaml.Node, path string) {
		if n.Kind != yaml.ScalarNode || empty(n) {
			d.fail(n, "%s is %s: write one text, in quotes if it has special characters", path, kind(n))
			return
		}
		*to = n.Value
	}
}

// lines reads a list of texts.
func (d *decoder) lines(to *[]string) field {
	return d.list("a text", func(n *yaml.Node, path string) {
		var one string
		d.text(&one)(n, path)
		*to = append(*to, one)
	})
}

// texts reads a text or a list of texts, none of them empty: an empty secret is none.
func (d *decoder) texts(to *[]string) field {
	return func(n *yaml.Node, path string) {
		read := d.lines(to)
		if n.Kind == yaml.ScalarNode {
			read = func(n *yaml.Node, path string) {
				*to = []string{""}
				d.text(&(*to)[0])(n, path)
			}
		}
		read(n, path)
		if slices.Contains(*to, "") {
			d.fail(n, "%s has an empty secret: write the one that is set at the sender, or remove the key", path)
		}
	}
}

// secretFile reads a secret from the file whose path is the value.
func (d *decoder) secretFile(to *string) field {
	return func(n *yaml.Node, path string) {
		var file string
		d.text(&file)(n, path)
		if d.err != nil {
			return
		}
		data, err := os.ReadFile(file)
		if err != nil {
			d.fail(n, "%s can't be read: %v: write the path of a file with the secret", path, err)
			return
		}
		if *to = strings.TrimRight(string(data), "\r\n"); *to == "" {
			d.fail(n, "%s: the file %s is empty: write the secret into it", path, file)
		}
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
			var secret string
			d.secretFile(&secret)(resolved(file), path)
			*to = append(*to, secret)
		}
	}
}

// port reads a port, as a number or in quotes.
func (d *decoder) port(to *int) field {
	return func(n *yaml.Node, path string) {
		port, err := strconv.Atoi(n.Value)
		if n.Kind != yaml.ScalarNode || err != nil || port < 1 || port > 65535 {
			d.fail(n, "%s is %s, not a port: write a number from 1 to 65535, such as 8090", path, kind(n))
			return
		}
		*to = port
	}
}

// url reads an address of a server.
func (d *decoder) url(to *string) field {
	return func(n *yaml.Node, path string) {
		u, err := url.Parse(n.Value)
		if n.Kind != yaml.ScalarNode || err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
			d.fail(n, "%s is %s, not an address: write one such as https://github.example.com", path, kind(n))
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
			d.fail(n, "%s is %s, not a duration: write a number with a unit, such as 90s, 15m or 1h", path, kind(n))
			return
		}
		*to = span
	}
}

// choice reads one of some texts.
func (d *decoder) choice(to *string, options ...string) field {
	return func(n *yaml.Node, path string) {
		if n.Kind != yaml.ScalarNode || !slices.Contains(options, n.Value) {
			d.fail(n, "%s is %s: write %s", path, kind(n), strings.Join(options, " or "))
			return
		}
		*to = n.Value
	}
}

// kind says what a node is, to a person. A value that is shown is one that may be shown: a port, an address, a choice.
func kind(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case empty(n):
		return "empty"
	case strings.Contains(n.Value, "@"): // an address with a password
		return "a text"
	}
	return strconv.Quote(n.Value)
}

func empty(n *yaml.Node) bool { return n == nil || n.Tag == "!!null" }

func resolved(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func name(path string) string {
	if path == "" {
		return "the configuration"
	}
	return path
}

func under(path string) string {
	if path == "" {
		return ""
	}
	return " under " + path
}

func names(known fields) string {
	return strings.Join(slices.Sorted(maps.Keys(known)), ", ")
}

// didYouMean names the known key that is at most two letters away.
func didYouMean(key string, known fields) string {
	best, distance := "", 3
	for _, one := range slices.Sorted(maps.Keys(known)) {
		if d := letters(key, one); d < distance {
			best, distance = one, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("did you mean %q? ", best)
}

// letters counts the letters that must be added, removed or changed to make b of a.
// https://en.wikipedia.org/wiki/Levenshtein_distance
func letters(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
