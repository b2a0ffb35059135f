package receivers

import (
	stdjson "encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"

	json "github.com/go-json-experiment/json/v1"
	"github.com/google/go-cmp/cmp"
)

// A payload is read and refused as by encoding/json, also one that is cut off or damaged.
func TestPayloadsLikeEncodingJSON(t *testing.T) {
	bodies := append(slices.Collect(maps.Values(examples(t, "testdata/github/*.json"))), minimal,
		`{"ACTION": "created", "Deployment": {"Id": 1}}`,
		`{"action": "a", "action": "b", "deployment": {"id": 1}, "deployment": {"sha": "x"}}`,
		"{\"action\": \"\xff\", \"repository\": {\"name\": \"\\ud800\"}}",
		`{"deployment": {"id": 1.5}}`, `{"deployment": {"id": 12345678901234567890}}`, `{"deployment": {"sha": 7}}`,
		`{"deployment": {"created_at": "yesterday"}}`, `{"deployment": {"created_at": null, "payload": null, "creator": null}}`,
		`{"deployment": [], "repository": null}`, `null`, `7`, ``, ` {} `, `{} {}`, `{"a": 1,}`, `{"deployment": {"payload": {"a": [1, {"b": "\u0000"}]}}}`,
	)
	for n, body := range bodies {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			checkLikeStandard(t, []byte(body))
			for at := 1; at < len(body) && len(body) < 1000; at++ {
				checkLikeStandard(t, []byte(body[:at]))
				for _, c := range []byte("\"{}[],:0\\\x00\x80") {
					damaged := []byte(body)
					damaged[at] = c
					checkLikeStandard(t, damaged)
				}
			}
		})
	}
}

func checkLikeStandard(t *testing.T, body []byte) {
	t.Helper()
	var got, want gitHubPayload
	err, wantErr := json.Unmarshal(body, &got), stdjson.Unmarshal(body, &want)
	if (err != nil) != (wantErr != nil) {
		t.Fatalf("%s: error %v, want %v", body, err, wantErr)
	}
	if err != nil || reflect.DeepEqual(want, got) { // what was read before an error is not used
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%s: -want +got:\n%s", body, diff)
	}
}
