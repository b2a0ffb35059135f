package enrichment

import (
	"context"
	"errors"
	"time"
)

// routeInstallations lists the installations of a GitHub App.
// https://docs.github.com/en/rest/apps/apps#list-installations-for-the-authenticated-app
const routeInstallations = "/app/installations"

// list asks for all installations.
func (in *installations) list(ctx context.Context) (all installationList, o outcome) {
	lease := in.shared.answers.Lease()
	defer lease.Release()
	for at := 1; at != 0; {
		var listed installationList
		p, o := in.asApp.send(ctx, routeInstallations, routeInstallations+pageQuery(at), &listed, lease)
		if o.err != nil {
			return nil, o
		}
		all = append(all, listed...)
		at = p.nextAfter(at)
	}
	return all, outcome{kind: answered}
}

// installationList is the answer to routeInstallations.
type installationList []describedInstallation

type describedInstallation struct {
	ID      int64 `json:"id"`
	Account struct {
		Login string `json:"login"`
	} `json:"account"`
	SuspendedAt *time.Time `json:"suspended_at"`
}

func (l *installationList) check() error {
	for _, i := range *l {
		if i.ID <= 0 {
			return errors.New("an installation of the App has no id")
		}
	}
	return nil
}

func (l *installationList) size() int { return 128 * len(*l) }
