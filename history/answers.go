package history

import (
	"encoding/json"
	"slices"
	"time"
)

// What is read of the answers to queries.

type rateLimits struct {
	Cost      int       `json:"cost"`
	Remaining int       `json:"remaining"`
	ResetAt   time.Time `json:"resetAt"`
}

type pageInfo struct {
	HasNextPage bool   `json:"hasNextPage"`
	EndCursor   string `json:"endCursor"`
}

// shown are the elements of a connection without those that are null, which GitHub does not show to the token.
type shown[T comparable] []T

// UnmarshalJSON decodes the elements.
func (s *shown[T]) UnmarshalJSON(text []byte) error {
	var null T
	var all []T
	err := json.Unmarshal(text, &all)
	*s = slices.DeleteFunc(all, func(element T) bool { return element == null })
	return err
}

type repositoryAnswer struct {
	RateLimit  rateLimits      `json:"rateLimit"`
	Repository *repositoryNode `json:"repository"`
}

// aliasedAnswer is the answer to a query of several repositories. These are by their aliases, null if the token may not see one.
type aliasedAnswer[T any] struct {
	RateLimit    rateLimits
	Repositories map[string]*T
}

// UnmarshalJSON decodes the answer.
func (a *aliasedAnswer[T]) UnmarshalJSON(text []byte) error {
	if err := json.Unmarshal(text, &struct {
		RateLimit *rateLimits `json:"rateLimit"`
	}{&a.RateLimit}); err != nil {
		return err
	}
	members := map[string]json.RawMessage{}
	if err := json.Unmarshal(text, &members); err != nil {
		return err
	}
	delete(members, "rateLimit")
	a.Repositories = map[string]*T{}
	for name, member := range members {
		var node *T
		if err := json.Unmarshal(member, &node); err != nil {
			return err
		}
		a.Repositories[name] = node
	}
	return nil
}

type repositoryNode struct {
	DatabaseID    int64  `json:"databaseId"`
	NameWithOwner string `json:"nameWithOwner"`
	URL           string `json:"url"`
	DefaultBranch *struct {
		Name   string `json:"name"`
		Target struct {
			OID string `json:"oid"`
		} `json:"target"`
	} `json:"defaultBranchRef"`
	Deployments *struct {
		PageInfo pageInfo          `json:"pageInfo"`
		Nodes    []*deploymentNode `json:"nodes"`
	} `json:"deployments"`
	PullRequests *struct {
		PageInfo pageInfo    `json:"pageInfo"`
		Nodes    []*pullNode `json:"nodes"`
	} `json:"pullRequests"`
}

type actorNode struct {
	Type  string `json:"__typename"`
	Login string `json:"login"`
}

type deploymentNode struct {
	ID                  string     `json:"id"`
	DatabaseID          int64      `json:"databaseId"`
	Environment         string     `json:"environment"`
	OriginalEnvironment string     `json:"originalEnvironment"`
	Task                string     `json:"task"`
	Description         string     `json:"description"`
	Payload             string     `json:"payload"`
	CommitOID           string     `json:"commitOid"`
	CreatedAt           time.Time  `json:"createdAt"`
	Creator             *actorNode `json:"creator"`
	Ref                 *struct {
		Name   string `json:"name"`
		Prefix string `json:"prefix"`
	} `json:"ref"`
	Statuses struct {
		TotalCount int                `json:"totalCount"`
		Nodes      shown[*statusNode] `json:"nodes"`
	} `json:"statuses"`
}

type statusNode struct {
	State       string    `json:"state"`
	Environment string    `json:"environment"`
	CreatedAt   time.Time `json:"createdAt"`
}

type pullNode struct {
	Number         int        `json:"number"`
	Title          string     `json:"title"`
	Body           string     `json:"body"`
	CreatedAt      time.Time  `json:"createdAt"`
	MergedAt       time.Time  `json:"mergedAt"`
	UpdatedAt      time.Time  `json:"updatedAt"`
	HeadRefName    string     `json:"headRefName"`
	HeadRefOID     string     `json:"headRefOid"`
	BaseRefName    string     `json:"baseRefName"`
	Author         *actorNode `json:"author"`
	HeadRepository *struct {
		DatabaseID int64 `json:"databaseId"`
	} `json:"headRepository"`
	Labels *struct {
		Nodes []struct {
			Name string `json:"name"`
		} `json:"nodes"`
	} `json:"labels"`
	MergeCommit *commitNode `json:"mergeCommit"`
	Commits     struct {
		TotalCount int                    `json:"totalCount"`
		Nodes      shown[*pullCommitNode] `json:"nodes"`
	} `json:"commits"`
}

type pullCommitNode struct {
	Commit commitNode `json:"commit"`
}

type commitNode struct {
	OID           string    `json:"oid"`
	Message       string    `json:"message"`
	AuthoredDate  time.Time `json:"authoredDate"`
	CommittedDate time.Time `json:"committedDate"`
	Author        *struct {
		Email string     `json:"email"`
		User  *actorNode `json:"user"`
	} `json:"author"`
	Parents *struct {
		Nodes []struct {
			OID string `json:"oid"`
		} `json:"nodes"`
	} `json:"parents"`
}

// gapNode is a commit, or the commits from it on; null if it is gone.
type gapNode struct {
	commitNode

	History struct {
		Nodes []commitNode `json:"nodes"`
	} `json:"history"`
}

// commits returns the commits that were read.
func (n gapNode) commits() []commitNode {
	if n.OID != "" {
		return []commitNode{n.commitNode}
	}
	return n.History.Nodes
}

type ownerAnswer struct {
	RateLimit rateLimits `json:"rateLimit"`
	Owner     *struct {
		Repositories struct {
			PageInfo pageInfo   `json:"pageInfo"`
			Nodes    []sizeNode `json:"nodes"`
		} `json:"repositories"`
	} `json:"repositoryOwner"`
}

// sizeNode has sizeFields.
type sizeNode struct {
	DatabaseID    int64  `json:"databaseId"`
	NameWithOwner string `json:"nameWithOwner"`
	PullRequests  struct {
		TotalCount int `json:"totalCount"`
	} `json:"pullRequests"`
	Deployments struct {
		TotalCount int `json:"totalCount"`
		Nodes      []struct {
			CreatedAt time.Time `json:"createdAt"`
		} `json:"nodes"`
	} `json:"deployments"`
}
