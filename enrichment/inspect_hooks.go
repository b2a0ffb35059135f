package enrichment

import (
	"context"
	"fmt"
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

// sendsStatuses reports whether a webhook sends statuses of deployments: without them, what it delivers is not complete.
func (h hook) sendsStatuses() bool { return !slices.Contains(h.missingEvents(), "deployment_status") }

type hookConfig struct {
	URL    string `json:"url"`
	Secret string `json:"secret"`
}

// isOurs reports whether a webhook sends to an exporter.
func (c hookConfig) isOurs() bool {
	u, err := url.Parse(c.URL)
	return err == nil && strings.HasSuffix(strings.TrimRight(u.Path, "/"), "/api/github")
}

// maxHookRepositories limits how many repositories of an owner are asked for their webhooks.
const maxHookRepositories = 20

// inspectHooks looks for the webhooks that send deployments here: that of an organisation, else those of the known repositories.
func (i *inspection) inspectHooks(ctx context.Context, g *GitHub, owner string, organisation bool) {
	var search hookSearch
	if organisation {
		var found bool
		if found, search.organisationErr = i.inspectHooksOf(ctx, g, "the organisation "+owner, "/orgs/"+owner+"/hooks"); found {
			return
		}
	}
	repositories := i.repositoriesOf(owner)
	checked := repositories[:min(len(repositories), maxHookRepositories)]
	for _, repository := range checked {
		found, err := i.inspectHooksOf(ctx, g, repository, "/repos/"+repository+"/hooks")
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			search.err = err
		case found:
			search.hooked++
		default:
			search.missing = append(search.missing, repository)
		}
	}
	if len(checked) == 0 && !organisation {
		i.warn("the webhooks of "+owner+" were not checked", "list its repositories under teams")
		return
	}
	i.judgeHooks(owner, search)
	if left := len(repositories) - len(checked); left > 0 {
		i.warn(fmt.Sprintf("the webhooks of %d of the %d repositories of %s were not checked", left, len(repositories), owner),
			"look at them yourself, or add one webhook to the organisation")
	}
}

// hookSearch is the result of a search of an owner's webhooks that has found none of the organisation.
type hookSearch struct {
	// organisationErr is the error of the call for those of the organisation, err the last one for those of a repository.
	organisationErr, err error
	// hooked is the number of repositories with a webhook that sends here, missing are those that have none.
	hooked  int
	missing []string
}

// judgeHooks reports what a search did not find. A repository without a webhook may have one of the organisation that can't be read.
func (i *inspection) judgeHooks(owner string, s hookSearch) {
	const permission = "give the credential read access to webhooks (admin:org_hook or admin:repo_hook of a classic token) to have them checked"
	settings := "a URL that ends in /api/github, the content type application/json, the secret of " + i.Account.Key + ".webhook_secret, and the events Deployments and Deployment statuses"
	switch {
	case s.err != nil:
		i.warn(s.err.Error()+i.insteadOfRepair(), permission)
	case s.organisationErr != nil && (len(s.missing) > 0 || s.hooked == 0):
		i.warn(s.organisationErr.Error()+i.insteadOfRepair(), permission)
	}
	switch {
	case s.organisationErr != nil:
	case s.hooked == 0 && s.err == nil:
		i.fail("no webhook sends the deployments of "+owner+" here", "add one to the organisation or its repositories: "+settings)
	case len(s.missing) > 0:
		i.fail("no webhook sends the deployments of "+strings.Join(s.missing, ", ")+" here", "add one to each, or one to the organisation: "+settings)
	}
}

// inspectHooksOf checks the webhooks of an organisation or a repository that send here. It reports whether there are any.
func (i *inspection) inspectHooksOf(ctx context.Context, g *GitHub, what, path string) (found bool, err error) {
	hooks, o := ask[[]hook](ctx, g, path+"?per_page=100")
	if o.err != nil {
		return false, fmt.Errorf("can't read the webhooks of %s: %w", what, o.err)
	}
	for _, h := range hooks {
		if h.Config.isOurs() {
			found = true
			i.inspectHook(ctx, g, "the webhook of "+what, h, fmt.Sprintf("%s/%d/deliveries", path, h.ID))
		}
	}
	return found, nil
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

// insteadOfRepair returns what is done instead of a repair of failed deliveries; empty if they are not to be repaired.
func (i *inspection) insteadOfRepair() string {
	if !i.Repairs {
		return ""
	}
	return "; github.repair compares deployments every hour instead of fetching failed deliveries"
}
