package receivers

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

// decodeJira decodes an event without custom fields.
func decodeJira(payload string) (decoded, error) {
	return newJiraDecoder("customfield_10792", []string{"customfield_10500"}, func(string, string, string) {}).decode(nil, []byte(payload))
}

func TestDecodeJira(t *testing.T) {
	at := func(h, ms int) time.Time { return time.Date(2026, 1, 15, h, 0, 0, ms*1_000_000, time.UTC) }
	for file, test := range map[string]struct {
		key  string
		want dora.IncidentChange
	}{
		"cloud-created.json": {"jira/acme.atlassian.net/10042/jira:issue_created/20100", dora.IncidentChange{
			Event: "jira:issue_created", Host: "acme.atlassian.net", ID: "10042", Key: "INC-42", Project: "INC", Changelog: "20100",
			StatusName: "Open", StatusCategory: "new", Type: "Incident", Priority: "High", Transition: &dora.Transition{},
			Timestamp: at(10, 123), Created: at(10, 100), StatusCategoryChanged: at(10, 321), Cleared: []string{"resolution", "resolutiondate"},
		}},
		"cloud-resolved.json": {"jira/acme.atlassian.net/10042/jira:issue_updated/20101", dora.IncidentChange{
			Event: "jira:issue_updated", Host: "acme.atlassian.net", ID: "10042", Key: "INC-42", Project: "INC", Changelog: "20101",
			StatusName: "Done", StatusCategory: "done", Resolution: "Done", ResolutionChanged: true, Transition: &dora.Transition{FromID: "1"},
			Timestamp: at(12, 999), Created: at(10, 100), StatusCategoryChanged: at(12, 900), ResolutionDate: at(12, 850),
		}},
		"datacenter-updated.json": {"jira/jira.example.com:8443/10042/jira:issue_updated/20101", dora.IncidentChange{
			Event: "jira:issue_updated", Host: "jira.example.com:8443", ID: "10042", Key: "OPS-X-42", Project: "OPS-X", Changelog: "20101",
			StatusName: "Closed", StatusCategory: "done", Timestamp: at(12, 999), Created: at(10, 100), Cleared: []string{"resolutiondate"},
		}},
	} {
		t.Run(file, func(t *testing.T) {
			got, err := decodeJira(read(t, "testdata/jira/"+file))
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
	got, err := decodeJira(read(t, "testdata/jira/nulls.json"))
	if err != nil || got.event.Incident.ID != "10042" || !strings.HasPrefix(got.key, "jira//10042/jira:issue_updated/") || len(got.key) < 64 {
		t.Errorf("nulls: %+v, %v", got, err)
	}
	got, err = decodeJira(read(t, "testdata/jira/rfc3339-deleted.json"))
	if err != nil || !strings.HasPrefix(got.key, "jira/acme.atlassian.net/10042/jira:issue_deleted/1768478400999-") || !got.event.Incident.ResolutionDate.Equal(at(12, 500)) {
		t.Errorf("deleted: %+v, %v", got, err)
	}
}

func TestDecodeJiraOddities(t *testing.T) {
	for name, test := range map[string]struct {
		body, event string
		ok          bool
	}{
		"key instead of id":        {`{"webhookEvent":"jira:issue_updated","issue":{"key":"INC-1"}}`, "jira:issue_updated", true},
		"neither":                  {`{"webhookEvent":"jira:issue_updated","issue":{}}`, "", false},
		"no issue":                 {`{"webhookEvent":"jira:issue_updated"}`, "", false},
		"no event":                 {`{"issue":{"id":"1"}}`, "issue", true},
		"the event is empty":       {`{"webhookEvent":"","issue":{"id":"1"}}`, "issue", true},
		"the event is null":        {`{"webhookEvent":null,"issue":{"id":"1"}}`, "issue", true},
		"the bare issue":           {`{"id":1,"key":"INC-1","fields":{"project":"INC"}}`, "issue", true},
		"no issue, no event":       {`{"id":1,"key":"INC-1"}`, "", false},
		"another event":            {`{"webhookEvent":"jira:version_released"}`, "", true},
		"a worklog":                {`{"webhookEvent":"worklog_updated","worklog":{"id":"1","issueId":"1"}}`, "", true},
		"a comment of no evidence": {`{"webhookEvent":"comment_created","issue":{"id":"1"},"comment":{"body":"thanks"}}`, "", true},
		"a comment":                {`{"webhookEvent":"comment_created","issue":{"id":"1"},"comment":{"body":"acme/web#12"}}`, "comment", true},
		"a comment of nothing":     {`{"webhookEvent":"comment_created"}`, "", true},
		"id is a list":             {`{"webhookEvent":"jira:issue_updated","issue":{"id":[1]}}`, "", false},
		"an odd time":              {`{"webhookEvent":"jira:issue_updated","issue":{"id":"1","fields":{"created":"yesterday"}}}`, "jira:issue_updated", true},
		"a time that is none":      {`{"webhookEvent":"jira:issue_updated","timestamp":{"a":1},"issue":{"id":"1"}}`, "jira:issue_updated", true},
		"a list":                   {`[]`, "", false},
		"a text":                   {`"jira:issue_updated"`, "", false},
		"not JSON":                 {`{`, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := decodeJira(test.body)
			if (err == nil) != test.ok || got.event.Name() != test.event {
				t.Errorf("%+v, error %v", got, err)
			}
		})
	}
}

// One odd field never loses an event, and is told once.
func TestOddFields(t *testing.T) {
	b := signedBench()
	const odd = `{"webhookEvent":"jira:issue_updated","timestamp":%d,"issue":{"id":"1","key":"INC-1","fields":{"created":"yesterday","status":[1],
		"priority":true,"labels":{"a":1},"components":[[]],"project":false,"resolution":{"name":{}},"issuetype":{"id":1},"resolutiondate":{}}}}`
	for n := range 3 {
		if answer := b.jira(strings.Replace(odd, "%d", string(rune('1'+n)), 1)); answer.Code != 202 {
			t.Fatalf("status %d: %s", answer.Code, answer.Body)
		}
	}
	if n := len(b.inbox.deliveries); n != 3 {
		t.Errorf("%d deliveries, want 3", n)
	}
	want := dora.IncidentChange{Event: "jira:issue_updated", ID: "1", Key: "INC-1", Project: "INC", Timestamp: time.UnixMilli(1).UTC()}
	if diff := cmp.Diff(&want, b.inbox.deliveries[0].Event.Incident); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, field := range []string{"created", "status", "priority", "labels", "components", "resolution", "issuetype", "resolutiondate"} {
		if n := strings.Count(b.log.String(), "field="+field+" "); n != 1 {
			t.Errorf("%s: %d warnings, want 1:\n%s", field, n, b.log.String())
		}
	}
}

// The forms in which a field comes, and what is read of it.
func TestJiraFields(t *testing.T) {
	for fields, want := range map[string]dora.IncidentChange{
		`"priority":"High"`:                      {Priority: "High"},
		`"priority":{"name":"High"}`:             {Priority: "High"},
		`"priority":{"value":" High "}`:          {Priority: "High"},
		`"priority":1`:                           {Priority: "1"},
		`"priority":1.0`:                         {Priority: "1"},
		`"priority":9007199254740993`:            {Priority: "9007199254740993"}, // no float64 has it
		`"priority":-9007199254740993`:           {Priority: "-9007199254740993"},
		`"priority":null`:                        {Cleared: []string{"priority"}},
		`"priority":""`:                          {Cleared: []string{"priority"}},
		`"labels":["a",1,null,"b"]`:              {IssueLabels: []string{"a", "1", "b"}},
		`"labels":"a, b c"`:                      {IssueLabels: []string{"a", "b", "c"}},
		`"labels":[]`:                            {Cleared: []string{"labels"}},
		`"components":["a b",{"name":"c"}]`:      {Components: []string{"a b", "c"}},
		`"components":"a b, c"`:                  {Components: []string{"a b", "c"}},
		`"components":{"name":"c"}`:              {Components: []string{"c"}},
		`"customfield_10792":"Shop"`:             {Teams: []string{"Shop"}},
		`"customfield_10792":{"value":"Shop"}`:   {Teams: []string{"Shop"}},
		`"customfield_10792":[{"name":"A"},"B"]`: {Teams: []string{"A", "B"}},
		`"customfield_10792":null`:               {Cleared: []string{"teams"}},
		`"status":"Done"`:                        {StatusName: "Done"},
		`"status":{"id":6,"name":"Closed","statusCategory":"Done"}`: {
			StatusName: "Closed", StatusID: "6", StatusCategory: "done",
		},
		`"status":{"name":"Fertig","statusCategory":{"id":3,"name":"Fertig"}}`: {
			StatusName: "Fertig", StatusCategory: "done",
		},
		`"status":{"name":"Odd","statusCategory":{"id":1,"key":"undefined"}}`: {StatusName: "Odd"},
		`"resolution":{"name":"Duplicate"}`:                                   {Resolution: "Duplicate"},
		`"resolutiondate":null`: {
			Cleared: []string{"resolutiondate"},
		},
		`"resolutiondate":1768478400`: {
			ResolutionDate: time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC),
		},
		`"updated":1768478400000`: {
			Updated: time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC),
		},
		`"project":"Incidents"`:   {},
		`"project":{"key":"OPS"}`: {Project: "OPS"},
		`"comment":{"comments":[{"author":{"accountId":"5b10ac8d82e05b22cc7d4ef5"},"body":"acme/web@c0ffee1"}]}`: {
			References: []dora.Reference{{Owner: "acme", Repository: "web", Commit: "c0ffee1"}},
		},
		`"customfield_10500":{"type":"doc","content":[{"text":"acme/web@c0ffee1"}]}`: {
			References: []dora.Reference{{Owner: "acme", Repository: "web", Commit: "c0ffee1"}},
		},
		`"customfield_10501":"acme/web@c0ffee1"`: {},
	} {
		want.Event, want.ID, want.Key = "jira:issue_updated", "7", "INC-7"
		if want.Project == "" {
			want.Project = "INC"
		}
		got, err := decodeJira(`{"webhookEvent":"jira:issue_updated","issue":{"id":"7","key":"INC-7","fields":{` + fields + `}}}`)
		if err != nil {
			t.Errorf("%s: %v", fields, err)
		}
		if diff := cmp.Diff(&want, got.event.Incident); diff != "" {
			t.Errorf("%s: -want +got:\n%s", fields, diff)
		}
	}
}

// What an event changed, and the comment that came with it.
func TestJiraChangelogs(t *testing.T) {
	for members, want := range map[string]dora.IncidentChange{
		`"changelog":{"id":7,"items":[{"field":"status","from":"1","fromString":"Open"}]}`: {
			Changelog: "7", Transition: &dora.Transition{FromID: "1", From: "Open"},
		},
		`"changelog":{"items":[{"field":"Status"},{"fieldId":"resolution"}]}`: {
			Transition: &dora.Transition{}, ResolutionChanged: true,
		},
		`"changelog":{"items":[{"field":"Key"},{"field":"project","fieldId":"project"}]}`:                                                                                          {Moved: true},
		`"changelog":{"items":[{"field":"labels"},null,7,"status"]}`:                                                                                                               {},
		`"changelog":{"items":[{"field":"Project","fieldtype":"custom"},{"field":"Status","fieldId":"customfield_10001","from":"1"},{"field":"resolution","fieldtype":"Custom"}]}`: {},
		`"changelog":{"items":[{"field":"Key","fieldtype":"custom"},{"field":"status","fieldtype":"jira","from":"1"}]}`:                                                            {Transition: &dora.Transition{FromID: "1"}},
		`"changelog":[]`: {},
		`"changelog":{"items":{"field":"status"}}`: {},
		`"transition":{"transitionName":"Done","from_status":"Open","to_status":"Done"}`: {
			Transition: &dora.Transition{From: "Open"},
		},
		`"comment":"see https://github.com/acme/web/pull/12"`: {
			References: []dora.Reference{{Owner: "acme", Repository: "web", PullRequest: 12}},
		},
		`"comment":{"body":"acme/web@c0ffee1","self":"https://x/deployment 12345"}`: {
			References: []dora.Reference{{Owner: "acme", Repository: "web", Commit: "c0ffee1"}},
		},
		`"comment":{"body":{"type":"doc","content":[{"text":"acme/web@c0ffee1"}]}}`: {
			References: []dora.Reference{{Owner: "acme", Repository: "web", Commit: "c0ffee1"}},
		},
	} {
		want.Event, want.ID, want.Key, want.Project = "jira:issue_updated", "7", "INC-7", "INC"
		got, err := decodeJira(`{"webhookEvent":"jira:issue_updated","issue":{"id":"7","key":"INC-7"},` + members + `}`)
		if err != nil {
			t.Errorf("%s: %v", members, err)
		}
		if diff := cmp.Diff(&want, got.event.Incident); diff != "" {
			t.Errorf("%s: -want +got:\n%s", members, diff)
		}
	}
}

// The same change has one key; what is not known to be the same has several.
func TestJiraKeys(t *testing.T) {
	const body = `{"webhookEvent":"jira:issue_updated","timestamp":1772445600000,"issue":{"id":"7","self":"https://jira.example.com/jira/rest/api/2/issue/7"},"changelog":{"id":"9"}}`
	first, err := decodeJira(body)
	if err != nil || first.key != "jira/jira.example.com/jira/7/jira:issue_updated/9" {
		t.Fatalf("%s, %v", first.key, err)
	}
	for name, test := range map[string]struct {
		old, new string
		same     bool
	}{
		"another timestamp":    {"1772445600000", "1772445600777", true},
		"a number as the id":   {`"id":"9"`, `"id":9`, true},
		"another context path": {"com/jira/", "com/", false},
		"another changelog":    {`"id":"9"`, `"id":"10"`, false},
		"no changelog":         {`"changelog":{"id":"9"}`, `"changelog":null`, false},
	} {
		got, err := decodeJira(strings.Replace(body, test.old, test.new, 1))
		if err != nil || (got.key == first.key) != test.same {
			t.Errorf("%s: %s, %v", name, got.key, err)
		}
	}
}

func TestJiraTime(t *testing.T) {
	noon := time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		`"2026-01-15T13:00:00.000+0100"`:     noon,
		`"2026-01-15T13:00:00.250+0100"`:     noon.Add(250 * time.Millisecond),
		`"2026-01-15T12:00:00+0000"`:         noon,
		`"2026-01-15T12:00:00Z"`:             noon,
		`" 2026-01-15T12:00:00Z "`:           noon,
		`"2026-01-15T06:30:00.5-05:30"`:      noon.Add(500 * time.Millisecond),
		`"2026-01-15T13:00:00+01"`:           noon,
		`1768478400000`:                      noon,
		`1768478400000.0`:                    noon,
		`1.7684784e12`:                       noon,
		`"1768478400000"`:                    noon,
		`1768478400`:                         noon,
		`"1768478400"`:                       noon,
		`1768478400.25`:                      noon.Add(250 * time.Millisecond),
		`999999999`:                          time.UnixMilli(999999999).UTC(),
		`1000000000`:                         time.Unix(1000000000, 0).UTC(),
		`9999999999.5`:                       time.UnixMilli(9999999999500).UTC(),
		`10000000000`:                        time.UnixMilli(10000000000).UTC(),
		`0`:                                  {},
		`-1768478400`:                        {},
		`null`:                               {},
		`"2026-13-45T99:00:00.000+0100"`:     {},
		`"2026-01-15T12:00:00"`:              {},
		`99999999999999999999999999999`:      {},
		`9223372036854775807`:                {},
		`"NaN"`:                              {},
		`"Infinity"`:                         {},
		`"0001-01-01T00:00:00.000+1400"`:     {},
		`["2026-01-15T13:00:00.000+0100"]`:   {},
		`{"$date":"2026-01-15T13:00:00.0Z"}`: {},
	} {
		if got, ok := jiraTime([]byte(text)); !got.Equal(want) || ok == want.IsZero() {
			t.Errorf("%s: %v, %t; want %v", text, got, ok, want)
		}
	}
}

func FuzzJira(f *testing.F) {
	for _, body := range examples(f, "testdata/jira/*.json") {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := decodeJira(string(body))
		checkStorable(t, got, err)
	})
}
