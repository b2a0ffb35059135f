package catalog

import (
	"encoding/json"
	"log/slog"
	"testing"
)

// Whatever Backstage answers: there is an owner, or nobody.
func FuzzOwner(f *testing.F) {
	for _, text := range []string{
		`[]`, `[null]`, `[{"kind":"Component","metadata":{"name":"web"},"spec":{"owner":"group:default/platform"}}]`,
		`[{"spec":{"owner":7},"relations":[{"type":"ownedBy","targetRef":"user:default/jo"}]}]`, `[{"spec":{"owner":"a/"}},{"spec":{"owner":":"}}]`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var entities []entity
		if json.Unmarshal(data, &entities) != nil {
			return
		}
		owner := teamOfFirst(candidates(entities), slog.New(slog.DiscardHandler))
		if owner == "" {
			t.Errorf("the owner in %s is empty", data)
		}
		if again := teamOfFirst(candidates(entities), slog.New(slog.DiscardHandler)); again != owner {
			t.Errorf("the owner is %q, and then %q", owner, again)
		}
	})
}
