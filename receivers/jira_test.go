package receivers

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

func TestDecodeJira(t *testing.T) {
	at := func(h, ms int) time.Time { return time.Date(2026, 1, 15, h, 0, 0, ms*1_000_000, time.UTC) }
	for file, test := range map[string]struct {
		key  string
		want dora.IncidentChange
	}{
		"cloud-created.json": {"jira/acme.atlassian.net/10042/jira:issue_created/20100", dora.IncidentChange{
			Event: "jira:issue_created", Host: "acme.atlassian.net", ID: "10042", Key: "INC-42", Project: "INC",
			StatusName: "Open", StatusCategory: "new", Type: "Incident", Priority: "High",
			Timestamp: at(10, 123), Created: at(10, 100), StatusCategoryChanged: at(10, 321),
		}},
		"cloud-resolved.json": {"jira/acme.atlassian.net/10042/jira:issue_updated/20101", dora.IncidentChange{
			Event: "jira:issue_updated", Host: "acme.atlassian.net", ID: "10042", Key: "INC-42", Project: "INC",
			StatusName: "Done", StatusCategory: "done",
			Timestamp: at(12, 999), Created: at(10, 100), StatusCategoryChanged: at(12, 900), ResolutionDate: at(12, 850),
		}},
		"datacenter-updated.json": {"jira/jira.example.com:8443/10042/jira:issue_updated/20101", dora.IncidentChange{
			Event: "jira:issue_updated", Host: "jira.example.com:8443", ID: "10042", Key: "OPS-X-42", Project: "OPS-X",
			StatusName: "Closed", StatusCategory: "done", Timestamp: at(12, 999), Created: at(10, 100), Edit: true,
		}},
		"rfc3339-deleted.json": {"jira/acme.atlassian.net/10042/jira:issue_deleted/1768478400999", dora.IncidentChange{
			Event: "jira:issue_deleted", Host: "acme.atlassian.net", ID: "10042", Key: "INC-42", Project: "INC",
			Timestamp: at(12, 999), Created: at(10, 0), ResolutionDate: at(12, 500),
		}},
	} {
		t.Run(file, func(t *testing.T) {
			got, err := decodeJira(nil, []byte(read(t, "testdata/jira/"+file)))
			if err != nil {
				t.Fatal(err)
			}
			if got.key != test.key {
				t.Errorf("key %s, want %s", got.key, test.key)
			}
			if diff := cmp.Diff(&test.want, got.event.Incident); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
	got, err := decodeJira(nil, []byte(read(t, "testdata/jira/nulls.json")))
	if err != nil || got.event.Incident.ID != "10042" || !strings.HasPrefix(got.key, "jira//10042/jira:issue_updated/") || len(got.key) < 64 {
		t.Errorf("nulls: %+v, %v", got, err)
	}
}

func TestDecodeJiraOddities(t *testing.T) {
	for name, test := range map[string]struct {
		body string
		ok   bool
	}{
		"key instead of id":   {`{"webhookEvent":"jira:issue_updated","issue":{"key":"INC-1"}}`, true},
		"neither":             {`{"webhookEvent":"jira:issue_updated","issue":{}}`, false},
		"no issue":            {`{"webhookEvent":"jira:issue_updated"}`, false},
		"no event":            {`{"issue":{"id":"1"}}`, false},
		"another event":       {`{"webhookEvent":"jira:version_released"}`, true},
		"id is a list":        {`{"webhookEvent":"jira:issue_updated","issue":{"id":[1]}}`, false},
		"an odd time":         {`{"webhookEvent":"jira:issue_updated","issue":{"id":"1","fields":{"created":"yesterday"}}}`, true},
		"a time that is none": {`{"webhookEvent":"jira:issue_updated","timestamp":{"a":1},"issue":{"id":"1"}}`, true},
		"a list":              {`[]`, false},
		"not JSON":            {`{`, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := decodeJira(nil, []byte(test.body)); (err == nil) != test.ok {
				t.Errorf("%+v, error %v", got, err)
			}
		})
	}
	b := signedBench()
	body := `{"webhookEvent":"jira:issue_updated","issue":{"id":"1","fields":{"created":"yesterday"}}}`
	if answer := b.jira(body); answer.Code != 202 || !strings.Contains(b.log.String(), "unreadable_times=[yesterday]") {
		t.Errorf("status %d, log %s", answer.Code, b.log.String())
	}
}

func TestJiraTime(t *testing.T) {
	noon := time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		`"2026-01-15T13:00:00.000+0100"`:     noon,
		`"2026-01-15T13:00:00.250+0100"`:     noon.Add(250 * time.Millisecond),
		`"2026-01-15T12:00:00+0000"`:         noon,
		`"2026-01-15T12:00:00Z"`:             noon,
		`"2026-01-15T06:30:00.5-05:30"`:      noon.Add(500 * time.Millisecond),
		`"2026-01-15T13:00:00+01"`:           noon,
		`1768478400000`:                      noon,
		`"1768478400000"`:                    noon,
		`null`:                               {},
		`""`:                                 {},
		`"2026-13-45T99:00:00.000+0100"`:     {},
		`99999999999999999999999999999`:      {},
		`9223372036854775807`:                {},
		`"0001-01-01T00:00:00.000+1400"`:     {},
		`["2026-01-15T13:00:00.000+0100"]`:   {},
		`{"$date":"2026-01-15T13:00:00.0Z"}`: {},
	} {
		var got jiraTime
		if err := got.UnmarshalJSON([]byte(text)); err != nil || !got.Equal(want) {
			t.Errorf("%s: %v, %v; want %v", text, got.Time, err, want)
		}
	}
}

func FuzzJira(f *testing.F) {
	for _, body := range examples(f, "testdata/jira/*.json") {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := decodeJira(nil, body)
		checkStorable(t, got, err)
	})
}
