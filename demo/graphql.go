package demo

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// graphQL answers the queries in bulk that the exporter makes, and no others.
// https://docs.github.com/en/graphql
type graphQL struct {
	repositories map[string]*Repository
	// points adds the points that a query costs.
	points func(int)
}

// variables are those of a query. Numbers are float64.
type variables map[string]any

func (v variables) number(name string) int        { n, _ := v[name].(float64); return int(n) }
func (v variables) text(name string) string       { s, _ := v[name].(string); return s }
func (v variables) isTrue(name string) bool       { b, _ := v[name].(bool); return b }
func (v variables) after(name string) (at int)    { at, _ = strconv.Atoi(v.text(name)); return at }
func (g graphQL) repository(n string) *Repository { return g.repositories[strings.ToLower(n)] }

func (g graphQL) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	var body struct {
		Query     string    `json:"query"`
		Variables variables `json:"variables"`
	}
	if json.NewDecoder(q.Body).Decode(&body) != nil {
		http.Error(w, `{"message":"Problems parsing JSON"}`, http.StatusBadRequest)
		return
	}
	data, requests := g.execute(body.Query, body.Variables)
	points := max(1, (requests+50)/100)
	g.points(points)
	answer := object{"data": data}
	if data == nil {
		answer = object{"errors": list{{"message": "the demo does not know this query"}}}
	} else {
		data["rateLimit"] = object{"cost": points, "remaining": 4999, "resetAt": stamp(time.Now().Add(time.Hour))}
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_ = json.NewEncoder(w).Encode(answer)
}

// execute returns the data of a query, nil if it is not known, and how many requests its connections stand for.
func (g graphQL) execute(query string, v variables) (data object, requests int) {
	switch {
	case strings.Contains(query, "repositoryOwner("):
		return g.owner(v)
	case strings.Contains(query, "object(oid:"):
		return g.history(query, v)
	case strings.Contains(query, "$pullsFirst"):
		return g.page(v)
	case strings.Contains(query, "$newest: Int!"):
		return g.compared(v)
	case strings.Contains(query, "$p0: Int!"):
		return g.small(v)
	case strings.Contains(query, "$o0: String!"):
		return g.sizes(v)
	}
	return nil, 0
}

func (g graphQL) owner(v variables) (object, int) {
	nodes := []object{}
	for _, r := range g.repositories {
		if strings.EqualFold(r.Owner, v.text("owner")) {
			nodes = append(nodes, r.size())
		}
	}
	slices.SortFunc(nodes, func(a, b object) int {
		return strings.Compare(a["nameWithOwner"].(string), b["nameWithOwner"].(string))
	})
	connection, n := connect(nodes, v.after("after"), v.number("first"))
	return object{"repositoryOwner": object{"repositories": connection}}, 1 + 2*n
}

func (g graphQL) sizes(v variables) (object, int) {
	data := g.aliased(v, func(r *Repository, _ string) object { return r.size() })
	return data, 2 * len(data)
}

// compared returns the newest deployments of some repositories.
func (g graphQL) compared(v variables) (object, int) {
	first := v.number("newest")
	data := g.aliased(v, func(r *Repository, _ string) object {
		repository := r.description()
		repository["deployments"] = r.deployments(0, first)
		return repository
	})
	return data, len(data) * (1 + first)
}

// small returns the first page of some repositories, of each in its size.
func (g graphQL) small(v variables) (data object, requests int) {
	data = g.aliased(v, func(r *Repository, at string) object {
		deployments, pulls := v.number("d"+at), v.number("p"+at)
		requests += 2 + deployments + 2*pulls
		repository := r.description()
		repository["deployments"], repository["pullRequests"] = r.deployments(0, deployments), r.pullRequests(v, 0, pulls)
		return repository
	})
	return data, requests
}

// aliased returns what a query of several repositories asks for, by their aliases; null for a repository that is not there. describe is given
// the index of each.
func (g graphQL) aliased(v variables, describe func(r *Repository, at string) object) object {
	data := object{}
	for i := 0; v["o"+strconv.Itoa(i)] != nil; i++ {
		at := strconv.Itoa(i)
		data["c"+at] = nil
		if r := g.repository(v.text("o"+at) + "/" + v.text("n"+at)); r != nil {
			data["c"+at] = describe(r, at)
		}
	}
	return data
}

func (r *Repository) description() object {
	return object{
		"databaseId": r.id(), "nameWithOwner": r.FullName(), "url": "https://github.com/" + r.FullName(),
		"defaultBranchRef": object{"name": DefaultBranch, "target": object{"oid": r.main}},
	}
}

func (r *Repository) size() object {
	newest := []object{}
	if all := r.newestDeployed(); len(all) > 0 {
		newest = append(newest, object{"createdAt": stamp(all[0].Created)})
	}
	return object{
		"databaseId": r.id(), "nameWithOwner": r.FullName(), "pullRequests": object{"totalCount": len(r.mergedPulls())},
		"deployments": object{"totalCount": len(r.deployed), "nodes": newest},
	}
}

// mergedPulls returns the merged pull requests, the one that was merged last first.
func (r *Repository) mergedPulls() (all []*PullRequest) {
	for _, p := range r.pulls {
		if !p.merged.IsZero() {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b *PullRequest) int {
		if order := b.merged.Compare(a.merged); order != 0 {
			return order
		}
		return b.Number - a.Number
	})
	return all
}

var alias = regexp.MustCompile(`(c[0-9]+): (?:repository\(|object\(oid: "([0-9a-f]+)"\) \{ ...on Commit \{ (history)?)`)

// history answers with commits of some repositories, or with those from them on, and their parents.
func (g graphQL) history(query string, v variables) (data object, requests int) {
	data = g.aliased(v, func(*Repository, string) object { return object{} })
	var r *Repository
	var commits object
	for _, m := range alias.FindAllStringSubmatch(query, -1) {
		if m[2] == "" {
			commits, _ = data[m[1]].(object)
			r = g.repository(v.text("o"+m[1][1:]) + "/" + v.text("n"+m[1][1:]))
			continue
		}
		if r == nil {
			continue
		}
		commits[m[1]] = nil
		c, ok := r.find(m[2])
		if !ok {
			continue
		}
		if requests++; m[3] == "" {
			commits[m[1]] = r.commitNode(c, true)
			continue
		}
		nodes, first := []object{}, v.number("each")
		requests += first
		has := r.history(m[2])
		for _, c := range slices.Backward(r.commits) {
			if has[c.SHA] && len(nodes) < first {
				nodes = append(nodes, r.commitNode(c, true))
			}
		}
		commits[m[1]] = object{"history": object{"nodes": nodes}}
	}
	return data, requests
}

func (g graphQL) page(v variables) (object, int) {
	r := g.repository(v.text("owner") + "/" + v.text("name"))
	if r == nil {
		return object{"repository": nil}, 1
	}
	repository, requests := r.description(), 0
	if v.isTrue("deployments") {
		repository["deployments"] = r.deployments(v.after("deploymentsAfter"), v.number("deploymentsFirst"))
		requests += 1 + v.number("deploymentsFirst")
	}
	if v.isTrue("pulls") {
		repository["pullRequests"] = r.pullRequests(v, v.after("pullsAfter"), v.number("pullsFirst"))
		requests += 1 + 2*v.number("pullsFirst")
	}
	return object{"repository": repository}, requests
}

// connect returns a page of a connection, and how many nodes it has.
func connect(all []object, from, first int) (object, int) {
	from = min(from, len(all))
	to := min(from+first, len(all))
	return object{
		"pageInfo": object{"hasNextPage": to < len(all), "endCursor": strconv.Itoa(to)}, "nodes": append([]object{}, all[from:to]...),
	}, to - from
}

// deployments returns a page of the connection of the deployments, the newest first.
func (r *Repository) deployments(from, first int) object {
	var nodes []object
	for _, d := range r.newestDeployed() {
		nodes = append(nodes, r.deploymentNode(d))
	}
	connection, _ := connect(nodes, from, first)
	return connection
}

// pullRequests returns a page of the connection of the merged pull requests.
func (r *Repository) pullRequests(v variables, from, first int) object {
	var nodes []object
	for _, p := range r.mergedPulls() {
		nodes = append(nodes, r.pullNode(p, v.isTrue("labels"), v.number("commitsFirst")))
	}
	connection, _ := connect(nodes, from, first)
	return connection
}

func (r *Repository) deploymentNode(d *deployed) object {
	statuses := []object{}
	for _, s := range slices.Backward(d.statuses) {
		statuses = append(statuses, object{"state": strings.ToUpper(s.state), "environment": d.Environment, "createdAt": stamp(s.at)})
	}
	o := object{
		"id": node("D", d.ID), "databaseId": d.ID, "environment": d.Environment, "originalEnvironment": d.Environment, "task": "deploy",
		"description": "", "payload": "", "commitOid": d.SHA, "createdAt": stamp(d.Created), "creator": actor("github-actions[bot]"),
		"ref": object{"name": DefaultBranch, "prefix": "refs/heads/"}, "statuses": object{"totalCount": len(statuses), "nodes": statuses},
	}
	if d.Ref != "" && d.Ref != DefaultBranch {
		o["ref"] = nil // it is gone
	}
	return o
}

func (r *Repository) pullNode(p *PullRequest, withLabels bool, commits int) object {
	own := []object{}
	for _, sha := range p.work[:min(commits, len(p.work))] {
		c, _ := r.find(sha)
		own = append(own, object{"commit": r.commitNode(c, false)})
	}
	result, _ := r.find(p.result)
	o := object{
		"number": p.Number, "title": p.Title, "body": p.Body, "createdAt": stamp(p.Opened), "mergedAt": stamp(p.merged), "updatedAt": stamp(p.merged),
		"headRefName": p.Branch, "headRefOid": p.work[len(p.work)-1], "baseRefName": DefaultBranch, "author": actor(p.Author),
		"headRepository": object{"databaseId": r.id()}, "mergeCommit": r.commitNode(result, true),
		"commits": object{"totalCount": len(p.work), "nodes": own},
	}
	if withLabels {
		nodes := []object{}
		for _, name := range p.Labels {
			nodes = append(nodes, object{"name": name})
		}
		o["labels"] = object{"nodes": nodes}
	}
	return o
}

func (r *Repository) commitNode(c Commit, withParents bool) object {
	author := object{"email": c.Author + "@users.noreply.github.com", "user": nil}
	if c.Author != "" && !strings.HasSuffix(c.Author, "[bot]") {
		author["user"] = object{"login": c.Author}
	}
	o := object{"oid": c.SHA, "message": c.Message, "authoredDate": stamp(c.Written), "committedDate": stamp(c.Committed), "author": author}
	if withParents {
		nodes := []object{}
		for _, sha := range c.Parents {
			nodes = append(nodes, object{"oid": sha})
		}
		o["parents"] = object{"nodes": nodes}
	}
	return o
}

// actor returns who did something. The login of a bot does not end in [bot] here.
func actor(login string) object {
	if name, isBot := strings.CutSuffix(login, "[bot]"); isBot {
		return object{"__typename": "Bot", "login": name}
	}
	return object{"__typename": "User", "login": login}
}
