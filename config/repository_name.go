package config

import (
	"slices"
	"strconv"
	"strings"
	"unicode"

	"gopkg.in/yaml.v3"

	"dora-exporter/internal/lazyregexp"
)

var (
	// ownerName and repositoryName match what GitHub may call an owner and a repository; Git URLs alone end in .git.
	ownerName      = lazyregexp.New(`^[A-Za-z0-9_-]+$`)
	repositoryName = lazyregexp.New(`^[A-Za-z0-9._-]+$`)
	// remoteHost matches what precedes owner/name in a URL, or in the address of a Git remote.
	remoteHost = lazyregexp.New(`^(?:[a-z+]+://[^/]*/|(?:[^/@:]+@)?[^/@:]+\.[^/@:]+[/:])(?:(?:api/v3/)?repos/)?`)
	// urlSecret matches addresses that may have a password or a token.
	urlSecret = lazyregexp.New(`^[^@]*:[^@]*@|://.*\?`)
)

func isOwner(text string) bool { return ownerName.MatchString(text) }

// isRepository reports whether text is owner/name.
func isRepository(text string) bool {
	owner, name, found := strings.Cut(text, "/")
	return found && isOwner(owner) && isRepositoryName(name)
}

func isRepositoryName(text string) bool {
	return repositoryName.MatchString(text) && strings.Trim(text, ".") != "" && !strings.HasSuffix(strings.ToLower(text), ".git")
}

// repository reads owner/name.
func (d *decoder) repository(to *string) field {
	return func(n *yaml.Node, path string) {
		if d.hasErrors(func() { d.text(to)(n, path) }) || isRepository(*to) {
			return
		}
		advice := "owner/name"
		if meant := cleanRepository(*to); isRepository(meant) {
			advice = meant
		}
		d.failName(n, path, *to, "a repository", advice)
	}
}

// checkOwnedRepository checks an item of github_repositories.
func (d *decoder) checkOwnedRepository(path, text, defaultOwner string) {
	n := d.nodes[path]
	switch {
	case empty(n): // reported already
	case isRepositoryName(text) && defaultOwner == "":
		d.fail(n, "%s is %q, without an owner: write owner/%s, or set github.owner", path, text, text)
	case !isOwned(text):
		d.failName(n, path, text, "a repository", ownedAdvice(text))
	}
}

// isOwned reports whether text is owner/name, owner/* or a name alone.
func isOwned(text string) bool {
	owner, all := strings.CutSuffix(text, "/*")
	return isRepository(text) || isRepositoryName(text) || all && isOwner(owner)
}

// ownedAdvice returns what to write instead of text under github_repositories.
func ownedAdvice(text string) string {
	meant := cleanRepository(text)
	owner, rest, _ := strings.Cut(meant, "/")
	switch {
	case isNameList(text):
		return "each repository as an item of its own"
	case isOwned(meant) && strings.Contains(meant, "/") == strings.Contains(text, "/"):
		return meant
	case isOwner(owner) && strings.ContainsAny(rest, "*?[{"):
		return owner + "/* for all of " + owner + ", or the name of each repository; there are no other patterns"
	}
	return "owner/name, owner/* for all of an owner, or the name alone with github.owner set"
}

// cleanRepository returns what remains of text without blanks around it, a host, the path of a file, a query, a branch or tag, and .git.
func cleanRepository(text string) string {
	text = strings.TrimFunc(text, isBlank)
	if host := remoteHost.FindString(text); host != "" {
		text, _, _ = strings.Cut(strings.TrimPrefix(text, host), "?")
		parts := strings.Split(text, "/")
		text = strings.Join(parts[:min(len(parts), 2)], "/")
	}
	text, _, _ = strings.Cut(text, "@")
	return strings.TrimSuffix(strings.TrimRight(text, "/"), ".git")
}

// failName reports a text that can't be the name of what.
func (d *decoder) failName(n *yaml.Node, path, text, what, advice string) {
	shown := strconv.Quote(text)
	if urlSecret.MatchString(text) {
		shown = "a URL"
	}
	d.fail(n, "%s is %s, must be %s: write %s", path, shown, what, advice)
}

// isNameList reports whether text has several names.
func isNameList(text string) bool {
	return len(strings.FieldsFunc(text, func(r rune) bool { return isBlank(r) || r == ',' || r == ';' })) > 1
}

// isBlank reports whether people see nothing, or only a gap, where r is.
func isBlank(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || slices.Contains([]rune{'\u200b', '\u2060', '\ufeff'}, r)
}
