package history

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"dora-exporter/dora"
)

// sent is an attempt of the webhook of acme: when it was made, minutes before now, its answer, and which event it was about.
type sent struct {
	minutes, status int
	guid            string
	// other is the event if it is not a deployment_status.
	other string
}

// fakeHooks is the webhook 7 of acme. The ID of an attempt is its index and one.
type fakeHooks struct {
	GitHub

	now    time.Time
	made   time.Time
	sent   []sent
	hidden bool
	denied bool
	// errors are returned by the next lists.
	errors []error
	calls  []string
	// loops is true if each page leads to the second one.
	loops bool
	// payload returns what an attempt has sent; nil for that of statusPayload.
	payload func(guid string) []byte
	// suspended is the error of all calls for acme.
	suspended error
	// app is true if the webhook is that of the account's App, and repositories are those that have a webhook, if the organisation has none.
	app          bool
	repositories []string
}

func (h *fakeHooks) called(format string, args ...any) {
	h.calls = append(h.calls, fmt.Sprintf(format, args...))
}

func (h *fakeHooks) Available(context.Context, string) error { return h.suspended }

func (h *fakeHooks) OfApp(context.Context) ([]dora.Hook, error) {
	if h.app {
		return []dora.Hook{{Path: "/app/hook"}}, nil
	}
	return nil, nil
}

func (h *fakeHooks) Redeliver(_ context.Context, _, _ string, d int64) error {
	h.called("redeliver %d", d)
	if h.denied {
		return dora.ErrNoHooks
	}
	return nil
}

func (h *fakeHooks) OfOwner(context.Context, string) ([]dora.Hook, error) {
	if h.denied && len(h.sent) == 0 {
		return nil, dora.ErrNoHooks
	}
	if len(h.repositories) > 0 {
		return nil, nil
	}
	return []dora.Hook{{Path: "/orgs/acme/hooks/7", Changed: h.made}}, nil
}

func (h *fakeHooks) OfRepository(_ context.Context, _, name string) ([]dora.Hook, error) {
	if slices.Contains(h.repositories, name) {
		return []dora.Hook{{Path: "/repos/acme/" + name + "/hooks/7", Changed: h.made}}, nil
	}
	h.called("hooks of %s", name)
	return nil, dora.ErrNoHooks
}

// Deliveries lists two attempts a page, the newest first.
func (h *fakeHooks) Deliveries(_ context.Context, _, _, cursor string) (page []dora.HookDelivery, next string, err error) {
	h.called("list %s", cursor)
	if len(h.errors) > 0 {
		err, h.errors = h.errors[0], h.errors[1:]
		if err != nil {
			return nil, "", err
		}
	}
	from, _ := strconv.Atoi(cursor)
	for i := len(h.sent) - 1 - from; i >= 0; i-- {
		if len(page) == 2 {
			return page, strconv.Itoa(from + 2), nil
		}
		s := h.sent[i]
		event := "deployment_status"
		if s.other != "" {
			event = s.other
		}
		d := dora.HookDelivery{
			ID: int64(i + 1), GUID: s.guid, At: h.now.Add(-time.Duration(s.minutes) * time.Minute), Status: s.status, Event: event, Action: "created",
		}
		if s.guid == "" { // it is null
			d = dora.HookDelivery{}
		}
		page = append(page, d)
	}
	if h.loops {
		return page, "2", nil
	}
	return page, "", nil
}

func (h *fakeHooks) Payload(_ context.Context, _, _ string, d int64) ([]byte, error) {
	h.called("payload %d", d)
	switch guid := h.sent[d-1].guid; {
	case h.hidden:
		return nil, nil
	case h.payload != nil:
		return h.payload(guid), nil
	default:
		return []byte(statusPayload(guid, "acme")), nil
	}
}

// Query answers that there is no GraphQL, and Deployments that there are none.
func (h *fakeHooks) Query(context.Context, string, string, map[string]any, any) error {
	h.called("compare")
	return dora.ErrNoBulk
}

func (h *fakeHooks) Deployments(context.Context, string, string, int) ([]json.RawMessage, int, error) {
	return nil, 0, nil
}

// statusPayload is that of a status whose number is in a GUID.
func statusPayload(guid, owner string) string {
	return fmt.Sprintf(`{"action":"created","deployment_status":{"id":%s,"state":"success","created_at":"2026-01-10T12:00:00Z"},
		"deployment":{"id":1,"sha":"c0ffee","environment":"production"},
		"repository":{"name":"web","full_name":"%[2]s/web","owner":{"login":%[2]q},"url":"https://api.github.com/repos/%[2]s/web"}}`, strings.TrimPrefix(guid, "s"), owner)
}
