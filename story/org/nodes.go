package org

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// root is what a query can ask.
func (g *GitHub) root(cost int) object {
	return object{
		"rateLimit": object{"cost": cost, "remaining": 4000, "resetAt": stamp(time.Now().Add(time.Hour))},
		"repository": resolver(func(args map[string]any) any {
			r := g.repository(fmt.Sprint(args["owner"]), fmt.Sprint(args["name"]))
			if r == nil {
				return nil
			}
			return r.object(g.Site)
		}),
		"repositoryOwner": resolver(func(args map[string]any) any {
			if !strings.EqualFold(fmt.Sprint(args["login"]), Owner) {
				return nil
			}
			return object{"repositories": connection{g.Repositories, func(i int) object { return g.at(i).object(g.Site) }}}
		}),
	}
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// object returns a repository of a server whose pages are at site.
func (r *repository) object(site string) object {
	return object{
		"databaseId": r.id, "nameWithOwner": r.fullName(), "url": site + "/" + r.fullName(),
		"defaultBranchRef": object{"name": mainBranch, "target": r.commitObject(r.bySHA[r.tips[mainBranch]])},
		"deployments": resolver(func(map[string]any) any {
			return listOf(newestFirst(r.deployments, func(d *deployment) time.Time { return d.created }), r.deploymentObject)
		}),
		"pullRequests": resolver(func(map[string]any) any {
			return listOf(newestFirst(r.pulls, func(p *pull) time.Time { return p.merged }), r.pullObject)
		}),
		"object": resolver(func(args map[string]any) any {
			if c := r.bySHA[fmt.Sprint(args["oid"])]; c != nil {
				return r.commitObject(c)
			}
			return nil
		}),
	}
}

// newestFirst returns a list in the order of times, the newest first.
func newestFirst[T any](all []T, at func(T) time.Time) []T {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b T) int { return at(b).Compare(at(a)) })
	return all
}

func (r *repository) deploymentObject(d *deployment) object {
	o := object{
		"id": d.node(), "databaseId": d.id, "environment": d.environment, "originalEnvironment": d.environment, "task": "deploy",
		"description": "", "payload": "", "commitOid": d.sha, "createdAt": stamp(d.created), "creator": actor("deployer[bot]"), "ref": nil,
		"statuses": listOf(newestFirst(d.statuses, func(s status) time.Time { return s.at }), func(s status) object {
			return object{"state": strings.ToUpper(s.state), "environment": d.environment, "createdAt": stamp(s.at)}
		}),
	}
	switch {
	case d.isGone:
	case d.tag != "":
		o["ref"] = object{"name": d.tag, "prefix": "refs/tags/"}
	default:
		o["ref"] = object{"name": mainBranch, "prefix": "refs/heads/"}
	}
	return o
}

func (d *deployment) node() string { return fmt.Sprintf("DE_%x", d.id) }

func (r *repository) pullObject(p *pull) object {
	return object{
		"number": p.number, "title": p.title, "body": p.body, "createdAt": stamp(p.opened), "mergedAt": stamp(p.merged), "updatedAt": stamp(p.merged),
		"headRefName": p.branch, "headRefOid": p.own[len(p.own)-1].sha, "baseRefName": p.base, "author": actor(p.author),
		"headRepository": object{"databaseId": r.id}, "labels": connection{}, "mergeCommit": r.commitObject(p.result),
		"commits": listOf(p.own, func(c *commit) object { return object{"commit": r.commitObject(c)} }),
	}
}

func (r *repository) commitObject(c *commit) object {
	author := object{"email": c.author + "@users.noreply.github.com", "user": nil}
	if !strings.HasSuffix(c.author, "[bot]") {
		author["user"] = actor(c.author)
	}
	return object{
		"oid": c.sha, "message": c.message, "authoredDate": stamp(c.authored), "committedDate": stamp(c.committed), "author": author,
		"parents": listOf(c.parents, func(sha string) object { return object{"oid": sha} }),
		"history": resolver(func(map[string]any) any {
			return listOf(r.history(c.sha, len(r.commits)), r.commitObject)
		}),
	}
}

// actor returns who did something. The login of a bot does not end in [bot] here.
func actor(login string) object {
	if name, isBot := strings.CutSuffix(login, "[bot]"); isBot {
		return object{"__typename": "Bot", "login": name}
	}
	return object{"__typename": "User", "login": login}
}
