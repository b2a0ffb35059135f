package enrichment

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// hook is a webhook of an organisation or a repository.
// https://docs.github.com/en/rest/orgs/webhooks
type hook struct {
	ID      int64      `json:"id"`
	Active  bool       `json:"active"`
	Events  []string   `json:"events"`
	Config  hookConfig `json:"config"`
	Created time.Time  `json:"created_at"`
	Updated time.Time  `json:"updated_at"`
}

// missingEvents returns the events of deployments that a webhook does not send.
func (h hook) missingEvents() (missing []string) {
	for _, event := range []string{"deployment", "deployment_status"} {
		if !slices.Contains(h.Events, event) && !slices.Contains(h.Events, "*") {
			missing = append(missing, event)
		}
	}
	return missing
}

type hookConfig struct {
	URL    string `json:"url"`
	Secret string `json:"secret"`
}

// isOurs reports whether a webhook sends to an exporter.
func (c hookConfig) isOurs() bool {
	u, err := url.Parse(c.URL)
	return err == nil && strings.HasSuffix(strings.TrimRight(u.Path, "/"), "/api/github")
}

// hookDelivery is a delivery of a webhook.
type hookDelivery struct {
	DeliveredAt time.Time `json:"delivered_at"`
	StatusCode  int       `json:"status_code"`
	Status      string    `json:"status"`
}

// maxHookRepositories limits how many repositories of an owner are asked for their webhooks.
const maxHookRepositories = 20

// inspectHooks looks for the webhooks of an organisation, or of its known repositories, that send deployments here.
func (i *inspection) inspectHooks(ctx context.Context, g *GitHub, owner string, organisation bool) {
	const permission = "give the credential read access to webhooks (admin:org_hook or admin:repo_hook of a classic token)"
	unreadable, ours := "", 0
	look := func(what, path string) {
		hooks, o := ask[[]hook](ctx, g, path+"?per_page=100")
		if o.err != nil {
			unreadable = fmt.Sprintf("can't read the webhooks of %s: %v", what, o.err)
			return
		}
		for _, h := range hooks {
			if h.Config.isOurs() {
				ours++
				i.inspectHook(ctx, g, fmt.Sprintf("the webhook of %s", what), h, fmt.Sprintf("%s/%d/deliveries", path, h.ID))
			}
		}
	}
	if organisation {
		look("the organisation "+owner, "/orgs/"+owner+"/hooks")
	}
	repositories := i.repositoriesOf(owner)
	for _, repository := range repositories[:min(len(repositories), maxHookRepositories)] {
		if ours > 0 || ctx.Err() != nil {
			break
		}
		look(repository, "/repos/"+repository+"/hooks")
	}
	switch {
	case ours > 0:
	case unreadable != "":
		i.warn(unreadable+i.insteadOfRepair(), permission+" to have them checked")
	case len(repositories) == 0 && !organisation:
		i.warn("the webhooks of "+owner+" were not checked", "list its repositories under teams")
	default:
		i.fail("no webhook sends the deployments of "+owner+" here", "add one to the organisation or its repositories: a URL that ends in /api/github, "+
			"the content type application/json, the secret of "+i.Account.Key+".webhook_secret, and the events Deployments and Deployment statuses")
	}
}

// inspectHook checks a webhook that sends here, and its last delivery.
func (i *inspection) inspectHook(ctx context.Context, g *GitHub, what string, h hook, deliveries string) {
	if !h.Active {
		i.fail(what+" is not active", "activate it")
		return
	}
	if missing := h.missingEvents(); len(missing) > 0 {
		i.fail(what+" does not send "+strings.Join(missing, " and "), "select the events Deployments and Deployment statuses")
		return
	}
	if i.Signed && h.Config.Secret == "" {
		i.fail(what+" has no secret, its deliveries are refused", "set its secret to that of "+i.Account.Key+".webhook_secret")
		return
	}
	i.inspectDeliveries(ctx, g, what, deliveries)
}

// inspectDeliveries checks the newest delivery of a webhook.
func (i *inspection) inspectDeliveries(ctx context.Context, g *GitHub, what, path string) {
	last, o := ask[[]hookDelivery](ctx, g, path+"?per_page=10")
	switch {
	case o.err != nil:
		i.warn(fmt.Sprintf("%s sends deployments; its deliveries can't be read: %v%s", what, o.err, i.insteadOfRepair()), "give the credential read access to webhooks")
	case len(last) == 0:
		i.pass("%s sends deployments, and has delivered nothing in the last days", what)
	case last[0].StatusCode/100 == 2:
		i.pass("%s sends deployments; the last delivery, of %s, was answered with %d", what, last[0].DeliveredAt.UTC().Format(time.RFC3339), last[0].StatusCode)
	default:
		failed := 0
		for _, d := range last {
			if d.StatusCode/100 != 2 {
				failed++
			}
		}
		i.fail(fmt.Sprintf("%d of the last %d deliveries of %s failed, the newest, of %s, with %s", failed, len(last), what, last[0].DeliveredAt.UTC().Format(time.RFC3339), last[0].answer()), deliveryRemedy(last[0].StatusCode, i.Account.Key))
	}
}

// insteadOfRepair returns what is done instead of a repair of failed deliveries; empty if they are not to be repaired.
func (i *inspection) insteadOfRepair() string {
	if !i.Repairs {
		return ""
	}
	return "; github.repair compares deployments every hour instead of fetching failed deliveries"
}

func (d hookDelivery) answer() string {
	if d.StatusCode == 0 {
		return fmt.Sprintf("%.60q", d.Status)
	}
	return fmt.Sprintf("status %d", d.StatusCode)
}

// deliveryRemedy returns what to do about the status of a delivery.
func deliveryRemedy(status int, key string) string {
	switch status {
	case 0:
		return "make the URL of the webhook reachable for GitHub"
	case http.StatusUnauthorized:
		return "set the secret of the webhook to that of " + key + ".webhook_secret, and redeliver"
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return "correct the URL of the webhook: it ends in /api/github"
	}
	return "see the log of the exporter, or of the proxy before it, and redeliver"
}
