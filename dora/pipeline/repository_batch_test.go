package pipeline_test

import (
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

// Events are about the same repositories whether they are processed in one transaction or in one each.
func TestRepositoriesOfABatch(t *testing.T) {
	type event struct {
		name   string
		id     int64
		minute int
	}
	for _, test := range []struct {
		name   string
		events []event
		// of has the key of the repository of each event, names what each is called in the end.
		of    []string
		names map[string]string
	}{
		{
			name:   "the newest name holds, whatever arrived last",
			events: []event{{"web", 1, 10}, {"shop", 1, 20}, {"web", 1, 30}, {"shop", 1, 5}},
			of:     []string{"web", "web", "web", "web"},
			names:  map[string]string{"web": "web"},
		},
		{
			name:   "a rename that is older than the first event does not",
			events: []event{{"web", 1, 10}, {"web", 1, 40}, {"shop", 1, 20}},
			of:     []string{"web", "web", "web"},
			names:  map[string]string{"web": "web"},
		},
		{
			name:   "the newest event with a name counts, whatever arrived after it",
			events: []event{{"web", 1, 10}, {"shop", 1, 25}, {"web", 1, 30}, {"web", 1, 20}},
			of:     []string{"web", "web", "web", "web"},
			names:  map[string]string{"web": "web"},
		},
		{
			name:   "without an id, the repository that had the name last is meant",
			events: []event{{"web", 1, 10}, {"web", 2, 20}, {"web", 1, 30}, {"web", 0, 40}},
			of:     []string{"web", "web#2", "web", "web"},
			names:  map[string]string{"web": "web", "web#2": "web"},
		},
		{
			name:   "also after another one took the name back",
			events: []event{{"web", 1, 10}, {"web", 2, 20}, {"web", 1, 15}, {"web", 0, 40}, {"web", 0, 50}},
			of:     []string{"web", "web#2", "web", "web#2", "web#2"},
			names:  map[string]string{"web": "web", "web#2": "web"},
		},
		{
			name:   "an id that comes later is that of the repository without one",
			events: []event{{"web", 0, 10}, {"web", 0, 20}, {"web", 1, 30}, {"web", 2, 40}, {"web", 1, 50}, {"web", 0, 60}},
			of:     []string{"web", "web", "web", "web#2", "web", "web"},
			names:  map[string]string{"web": "web", "web#2": "web"},
		},
		{
			name:   "a repository without an id that was renamed is merged into the one with it",
			events: []event{{"web", 1, 10}, {"web", 1, 20}, {"shop", 0, 30}, {"shop", 1, 40}, {"web", 1, 50}, {"shop", 1, 60}},
			of:     []string{"web", "web", "web", "web", "web", "web"},
			names:  map[string]string{"web": "shop"},
		},
	} {
		for way, together := range map[string]bool{"together": true, "one by one": false} {
			t.Run(test.name+", "+way, func(t *testing.T) {
				store := openStore(t)
				for i, e := range test.events {
					s := deployed(int64(i+1), "V"+strconv.Itoa(i), "success", e.minute)
					s.Status.Deployment.Repository, s.Status.Deployment.RepositoryID = e.name, e.id
					accept(t, store, s)
					if !together {
						process(t, store, platform{})
					}
				}
				process(t, store, platform{})
				var of []string
				for i := range test.events {
					d, _, err := store.Deployment(t.Context(), dora.DeploymentKey("api.github.com", int64(i+1)))
					if err != nil {
						t.Fatal(err)
					}
					of = append(of, d.RepositoryKey())
				}
				want := make([]string, len(test.of))
				for i, key := range test.of {
					want[i] = "api.github.com/acme/" + key
				}
				if diff := cmp.Diff(want, of); diff != "" {
					t.Errorf("repositories: -want +got:\n%s", diff)
				}
				for key, name := range test.names {
					if got, err := store.NewestName(t.Context(), "api.github.com/acme/"+key); got != "acme/"+name || err != nil {
						t.Errorf("%s is called %q, %v; want %q", key, got, err, "acme/"+name)
					}
				}
			})
		}
	}
}

// An environment is one of production from the first event on that says so, also among others in one transaction.
func TestEnvironmentsOfABatch(t *testing.T) {
	store := openStore(t)
	for i, e := range []struct {
		environment string
		production  bool
	}{{"Blue", false}, {"blue", false}, {"BLUE", true}, {"blue", false}, {"green", false}} {
		s := deployed(int64(i+1), "V"+strconv.Itoa(i), "success", i)
		s.Status.Deployment.Environment, s.Status.Deployment.Production = e.environment, e.production
		accept(t, store, s)
	}
	process(t, store, platform{})
	got, err := store.Environments(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]dora.Environment{{Name: "Blue", Production: true}, {Name: "green"}}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
