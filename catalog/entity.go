package catalog

import (
	"cmp"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"

	"dora-exporter/dora"
)

// entity has the fields that are read of an entity of the catalog.
// https://backstage.io/docs/features/software-catalog/descriptor-format
type entity struct {
	Kind     string `json:"kind"`
	Metadata struct {
		Name      string `json:"name"`
		Namespace string `json:"namespace"`
	} `json:"metadata"`
	Spec struct {
		// Owner is a string in the kinds that Backstage defines; an organisation's own kinds may have any value.
		Owner optionalString `json:"owner"`
	} `json:"spec"`
	Relations []struct {
		Type      string `json:"type"`
		TargetRef string `json:"targetRef"`
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

// ref returns the entity's reference. https://backstage.io/docs/features/software-catalog/references
func (e entity) ref() string {
	return strings.ToLower(e.Kind + ":" + cmp.Or(e.Metadata.Namespace, "default") + "/" + e.Metadata.Name)
}

// owner returns the name of the owning group or user, by the relation ownedBy or else by spec.owner.
func (e entity) owner() string {
	for _, r := range e.Relations {
		if r.Type == "ownedBy" && r.TargetRef != "" {
			return nameOf(r.TargetRef)
		}
	}
	return nameOf(string(e.Spec.Owner))
}

// nameOf returns the name in a reference: platform for group:default/platform.
func nameOf(ref string) string {
	return ref[strings.LastIndexAny(ref, ":/")+1:]
}

// ownerOf returns the owner of the first entity, by reference, that has one. It logs other owners.
func ownerOf(entities []entity, logger *slog.Logger) string {
	owned := slices.DeleteFunc(slices.Clone(entities), func(e entity) bool { return e.owner() == "" })
	if len(owned) == 0 {
		return dora.Unknown
	}
	slices.SortFunc(owned, func(a, b entity) int { return cmp.Compare(a.ref(), b.ref()) })
	first := owned[0]
	var others []string
	for _, e := range owned {
		if e.owner() != first.owner() && !slices.Contains(others, e.owner()) {
			others = append(others, e.owner())
		}
	}
	if len(others) > 0 {
		logger.Warn("entities have different owners, using the first",
			"entity", first.ref(), "team", first.owner(), "other_teams", others)
	}
	return first.owner()
}
