package receivers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/semaphore"

	"dora-exporter/dora"
)

const (
	statusOf  = `{"deployment_status":{"id":3,"state":"success","created_at":"2026-01-15T12:00:00Z"},"deployment":{"id":2,"environment":%q%s},"repository":{"name":"web"%s}}`
	updatedOf = `{"webhookEvent":"jira:issue_updated","timestamp":1,"issue":{"id":"7","key":"INC-7","fields":{%s}}%s}`
)

func status(environment, inDeployment, inRepository string) string {
	return fmt.Sprintf(statusOf, environment, inDeployment, inRepository)
}

func updated(fields, extra string) string { return fmt.Sprintf(updatedOf, fields, extra) }

// jsonList is a JSON list with n elements.
func jsonList(n int, element string) string {
	return "[" + strings.Repeat(element+",", n-1) + element + "]"
}

// Each payload is refused with 400 and a message that names the limit, wherever in it the limit is exceeded.
func TestPayloadsThatExceedALimit(t *testing.T) {
	const nested, wide, elements, members = "500 levels", "50000 elements in one list", "100000 list elements", "250000 object members"
	lists := jsonList(3, jsonList(40_000, "0"))
	for name, test := range map[string]struct{ gitHub, jira, message string }{
		"lists all the way":       {strings.Repeat("[", 1<<20), strings.Repeat("[", 1<<20), nested},
		"objects all the way":     {strings.Repeat(`{"a":`, 1<<20), strings.Repeat(`{"a":`, 1<<20), nested},
		"nested in the payload":   {status("e", `,"payload":`+strings.Repeat("[", 600)+strings.Repeat("]", 600), ""), updated(`"description":`+strings.Repeat("[", 600)+strings.Repeat("]", 600), ""), nested},
		"one list":                {status("e", `,"payload":`+jsonList(50_001, "0"), ""), updated(`"labels":`+jsonList(50_001, `""`), ""), wide},
		"one list of nulls":       {status("e", "", `,"topics":`+jsonList(50_001, "null")), updated("", `,"changelog":{"items":`+jsonList(50_001, "null")+`}`), wide},
		"one list of objects":     {status("e", "", `,"topics":`+jsonList(50_001, "{}")), updated("", `,"changelog":{"items":`+jsonList(50_001, "{}")+`}`), wide},
		"several lists":           {status("e", `,"payload":`+lists, ""), updated(`"issuelinks":`+lists, ""), elements},
		"many members":            {status("e", `,"payload":{`+strings.Repeat(`"a":0,`, 250_000)+`"a":0}`, ""), updated(strings.Repeat(`"a":0,`, 250_000)+`"a":0`, ""), members},
		"many objects":            {status("e", `,"payload":`+jsonList(6, jsonList(49_999, "0")), ""), updated(`"x":`+jsonList(6, jsonList(49_999, `{"a":{}}`)), ""), "00 "},
		"a list at the top":       {jsonList(50_001, "0"), jsonList(50_001, "0"), wide},
		"labels that are stored":  {"", updated(`"labels":`+jsonList(10_000, `"production"`), ""), "at most 65536 are stored"},
		"an identifier":           {status("e", `,"url":"https://`+strings.Repeat("a", maxKey)+`/x"`, ""), updated(`"x":0},"id":"`+strings.Repeat("7", maxKey)+`","y":{"z":0`, ""), "at most 1024 are stored"},
		"the path of a site":      {"", updated(`"x":0},"self":"https://a.example/`+strings.Repeat("a", maxKey)+`/rest/api/2/issue/7","y":{"z":0`, ""), "at most 1024 are stored"},
		"a changelog":             {"", updated("", `,"changelog":{"id":"`+strings.Repeat("7", maxKey)+`"}`), "at most 1024 are stored"},
		"names that are cut: all": {"", updated(`"labels":`+jsonList(65, `"`+strings.Repeat("a", 2000)+`"`), ""), "at most 65536 are stored"},
	} {
		t.Run(name, func(t *testing.T) {
			b := signedBench()
			if test.gitHub != "" {
				if answer := b.gitHub("deployment_status", test.gitHub); answer.Code != 400 || !strings.Contains(answer.Body.String(), test.message) {
					t.Errorf("GitHub: status %d: %s; want 400 and %q", answer.Code, answer.Body, test.message)
				}
				form := url.Values{"payload": {test.gitHub}}.Encode()
				answer := b.gitHub("deployment_status", form, "Content-Type", formType, "X-Hub-Signature-256", sign(gitHubSecret, form))
				if answer.Code != 400 || !strings.Contains(answer.Body.String(), test.message) {
					t.Errorf("GitHub, a form: status %d: %s; want 400 and %q", answer.Code, answer.Body, test.message)
				}
			}
			if answer := b.jira(test.jira); answer.Code != 400 || !strings.Contains(answer.Body.String(), test.message) {
				t.Errorf("Jira: status %d: %s; want 400 and %q", answer.Code, answer.Body, test.message)
			}
			if len(b.inbox.deliveries) != 0 {
				t.Errorf("%d deliveries", len(b.inbox.deliveries))
			}
		})
	}
}

// What real senders may send is taken.
func TestLargePayloadsAreTaken(t *testing.T) {
	if testing.Short() {
		t.Skip("it decodes dozens of MiB, and shares nothing between goroutines")
	}
	text := strings.Repeat("Lorem ipsum. ", 8<<20/13)
	document := `{"type":"doc","content":` + jsonList(30_000, `{"type":"paragraph","content":[{"type":"text","text":"see acme/web#12"}]}`) + `}`
	for name, body := range map[string]string{
		"a long description":  updated(`"description":"`+text+`acme/web#12"`, ""),
		"a document":          updated(`"description":`+document, ""),
		"a long text in one":  updated(`"description":{"type":"doc","content":[{"text":"`+text+`acme/web#12"}]}`, ""),
		"many fields":         updated(`"summary":"acme/web#12",`+strings.Repeat(`"customfield_10000":{"a":1,"b":[]},`, 20_000)+`"z":0`, ""),
		"a long changelog":    updated(`"summary":"acme/web#12"`, `,"changelog":{"id":"8","items":`+jsonList(20_000, `{"field":"x"}`)+`}`),
		"many labels, ignore": updated(`"summary":"acme/web#12","labels":`+jsonList(1000, `"a-label-of-usual-length"`), ""),
	} {
		t.Run(name, func(t *testing.T) {
			b := signedBench()
			if answer := b.jira(body); answer.Code != http.StatusAccepted {
				t.Fatalf("status %d: %s", answer.Code, answer.Body)
			}
			if r := b.inbox.deliveries[0].Event.Incident.References; len(r) != 1 || r[0].PullRequest != 12 {
				t.Errorf("references %+v", r)
			}
		})
	}
	b := signedBench()
	push := `{"commits":` + jsonList(200_000, "0") + `}`
	if answer := b.gitHub("push", push); answer.Code != http.StatusAccepted {
		t.Errorf("an event that is not read: status %d: %s", answer.Code, answer.Body)
	}
}

// Names that no sender has are cut before they are stored: the event counts.
func TestLongNamesAreCut(t *testing.T) {
	long := strings.Repeat("é", 1<<20)
	b := signedBench()
	if answer := b.gitHub("deployment_status", status(long, `,"ref":"`+long+`"`, "")); answer.Code != http.StatusAccepted {
		t.Fatalf("status %d: %s", answer.Code, answer.Body)
	}
	d := b.inbox.deliveries[0].Event.Status.Deployment
	if want := strings.Repeat("é", maxName/2); d.Environment != want || d.Ref != want {
		t.Errorf("%d and %d bytes", len(d.Environment), len(d.Ref))
	}
	if answer := b.jira(updated(`"status":{"name":"`+long+`"},"labels":["`+long+`"]`, "")); answer.Code != http.StatusAccepted {
		t.Fatalf("status %d: %s", answer.Code, answer.Body)
	}
	if i := b.inbox.deliveries[1].Event.Incident; len(i.StatusName) != maxName || len(i.IssueLabels[0]) != maxName {
		t.Errorf("%d and %d bytes", len(i.StatusName), len(i.IssueLabels[0]))
	}
}

// Payloads that are decoded wait for each other when they need much memory; who waits too long is told to come again.
func TestDecodingTakesTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := semaphore.NewWeighted(decodingMemory)
		release := make(chan struct{})
		yes := func(http.Header) bool { return true }
		busy := limitedDecoder(memory, yes, func(http.Header, []byte) (decoded, error) { <-release; return decoded{}, nil })
		next := limitedDecoder(memory, yes, func(http.Header, []byte) (decoded, error) {
			return decoded{event: dora.Event{Deployment: &dora.Deployment{}}}, nil
		})
		large := []byte(`"` + strings.Repeat("a", maxBody-2) + `"`)
		go func() { _, _ = busy(t.Context(), nil, large) }()
		synctest.Wait()
		if _, err := next(t.Context(), nil, []byte("{}")); err != nil {
			t.Errorf("a small one: %v", err)
		}
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
		defer cancel()
		_, err := next(ctx, nil, large)
		var why *refusal
		if !errors.As(err, &why) || why.status != http.StatusServiceUnavailable || time.Since(began) != 4*time.Second {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		done := make(chan error)
		go func() { _, err := next(t.Context(), nil, large); done <- err }()
		synctest.Wait()
		close(release)
		if err := <-done; err != nil {
			t.Errorf("the next one: %v", err)
		}
	})
}

// A form with many other fields costs nothing.
func TestFormsOfManyFields(t *testing.T) {
	b := signedBench()
	body := strings.Repeat("a&", 1<<20) + "%70ayload=" + url.QueryEscape(status("e", "", ""))
	answer := b.gitHub("deployment_status", body, "Content-Type", formType, "X-Hub-Signature-256", sign(gitHubSecret, body))
	if answer.Code != http.StatusAccepted {
		t.Errorf("status %d: %s", answer.Code, answer.Body)
	}
	escaped := "a=b&%70%61%79%6c%6f%61%64=" + url.QueryEscape(status("e", "", ""))
	answer = b.gitHub("deployment_status", escaped, "Content-Type", formType, "X-Hub-Signature-256", sign(gitHubSecret, escaped))
	if answer.Code != http.StatusAccepted {
		t.Errorf("an escaped name: status %d: %s", answer.Code, answer.Body)
	}
	for _, body := range []string{"payload=%zz", "pay=load", "", strings.Repeat("&", 1<<20)} {
		answer := b.gitHub("deployment_status", body, "Content-Type", formType, "X-Hub-Signature-256", sign(gitHubSecret, body))
		if answer.Code != http.StatusBadRequest {
			t.Errorf("%.20q: status %d: %s", body, answer.Code, answer.Body)
		}
	}
}
