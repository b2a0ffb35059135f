package catalog

import (
	"cmp"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"

	"dora-exporter/dora"
)

const (
	defaultNamespace = "default"
	// teamAnnotation names the owning team at GitHub, organisation/team. https://backstage.io/docs/features/software-catalog/well-known-annotations
	teamAnnotation = "github.com/team-slug"
)

// entity has the fields that are read of an entity of the catalog.
// https://backstage.io/docs/features/software-catalog/descriptor-format
type entity struct {
	Kind     string `json:"kind"`
	Metadata struct {
		Name        string                    `json:"name"`
		Namespace   string                    `json:"namespace"`
		Annotations map[string]optionalString `json:"annotations"`
	} `json:"metadata"`
	Spec struct {
		// Owner is a string in the kinds that Backstage defines; an organisation's own kinds may have any value.
		Owner optionalString `json:"owner"`
	} `json:"spec"`
	Relations []struct {
		Type      string `json:"type"`
		TargetRef string `json:"targetRef"`
		// Target is what old versions of Backstage have instead of TargetRef.
		Target struct {
			Namespace string `json:"namespace"`
			Name      string `json:"name"`
		} `json:"target"`
	} `json:"relations"`
}

// optionalString is a string; any other JSON value counts as empty.
type optionalString string

// UnmarshalJSON implements json.Unmarshaler.
func (t *optionalString) UnmarshalJSON(data []byte) error {
	*t = ""
	var text string
	if data[0] == '"' && json.Unmarshal(data, &text) == nil {
		*t = optionalString(text)
	}
	return nil
}

func (e entity) annotation(name string) string { return string(e.Metadata.Annotations[name]) }

// owner returns the team that owns the entity: the owner by the relation ownedBy, else by spec.owner, else the team of GitHub by an
// annotation.
func (e entity) owner() string {
	for _, r := range e.Relations {
		if r.Type != "ownedBy" {
			continue
		}
		if team := cmp.Or(teamOf(r.TargetRef, defaultNamespace), teamOf(r.Target.Name, r.Target.Namespace)); team != "" {
			return team
		}
	}
	if owner := teamOf(strings.TrimSpace(string(e.Spec.Owner)), e.namespace()); owner != "" || e.isOwner() {
		return owner
	}
	slug := e.annotation(teamAnnotation)
	return slug[strings.LastIndexByte(slug, '/')+1:]
}

// isOwner reports whether the entity is itself an owner of others.
func (e entity) isOwner() bool {
	return strings.EqualFold(e.Kind, "Group") || strings.EqualFold(e.Kind, "User")
}

func (e entity) namespace() string { return cmp.Or(e.Metadata.Namespace, defaultNamespace) }

// teamOf returns the team of an entity reference, [kind:][namespace/]name: the name, with its namespace unless it is the default one.
// https://backstage.io/docs/features/software-catalog/references
func teamOf(ref, namespace string) string {
	name := ref[strings.LastIndexByte(ref, ':')+1:]
	if before, after, found := strings.Cut(name, "/"); found {
		namespace, name = before, after
	}
	if name == "" || namespace == "" || strings.EqualFold(namespace, defaultNamespace) {
		return name
	}
	return namespace + "/" + name
}

// candidate is an owned entity that may say which team owns a repository or project.
type candidate struct {
	// ref is the entity's reference in lower case.
	ref, owner  string
	isComponent bool
	// bySource is true if the repository is only known as the place of the entity's sources.
	bySource bool
}

func (e entity) candidate() candidate {
	return candidate{
		ref:   strings.ToLower(e.Kind + ":" + e.namespace() + "/" + e.Metadata.Name),
		owner: e.owner(), isComponent: strings.EqualFold(e.Kind, "Component"),
	}
}

// compare orders candidates: components first, then those that name the repository, then by reference.
func (c candidate) compare(d candidate) int {
	rank := func(c candidate) (rank int) {
		if !c.isComponent {
			rank = 2
		}
		if c.bySource {
			rank++
		}
		return rank
	}
	return cmp.Or(cmp.Compare(rank(c), rank(d)), cmp.Compare(c.ref, d.ref), cmp.Compare(c.owner, d.owner))
}

// candidates returns the entities that have an owner.
func candidates(entities []entity) (all []candidate) {
	for _, e := range entities {
		if e.owner() != "" {
			all = append(all, e.candidate())
		}
	}
	return all
}

// teamOfFirst returns the owner of the first candidate. It logs other owners.
func teamOfFirst(all []candidate, logger *slog.Logger) string {
	if len(all) == 0 {
		return dora.Unknown
	}
	first := slices.MinFunc(all, candidate.compare)
	var others []string
	for _, c := range all {
		if c.owner != first.owner {
			others = append(others, c.owner)
		}
	}
	if len(others) > 0 {
		slices.Sort(others)
		logger.Warn("entities have different owners, using the first",
			"entity", first.ref, "team", first.owner, "other_teams", slices.Compact(others))
	}
	return first.owner
}
