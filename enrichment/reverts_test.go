package enrichment

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

func TestReverts(t *testing.T) {
	for name, test := range map[string]struct {
		title, branch, body string
		want                []string
	}{
		"the button":               {`Revert "T"`, "revert-12-b", "Reverts acme/shop#12", []string{"#12"}},
		"a number alone":           {"", "", "Reverts #12", []string{"#12"}},
		"in a sentence":            {"", "", "This PR reverts Acme/Shop#12 since logins fail.", []string{"#12"}},
		"an address":               {"", "", "Reverts https://github.com/acme/shop/pull/12", []string{"#12"}},
		"an address behind a path": {"", "", "reverts https://ghe.example/git/acme/shop/pull/12/files", []string{"#12"}},
		"in a list":                {"", "", "- Reverts acme/shop#12\r\n- reverts #13", []string{"#12", "#13"}},
		"with emphasis":            {"", "", "**Reverts** acme/shop#12\n__reverts:__ #13", []string{"#12", "#13"}},
		"title and branch":         {`Revert "T"`, "revert-12-b", "", []string{"#12"}},
		"the branch alone":         {"Back to the old login", "revert-12-b", "", nil},
		"the title alone":          {`Revert "T"`, "back", "", []string{`"T"`}},
		"a title with a number":    {`Revert "Sell (#12)" (#13)`, "back", "", []string{`"Sell (#12)"`}},
		"a title with quotes":      {`Revert "Revert "T""`, "back", "", []string{`"Revert "T""`}},
		"another repository":       {"", "", "Reverts acme/web#12, reverts https://github.com/acme/web/pull/13", []string{"acme/web#12", "acme/web#13"}},
		"a title beside another":   {`Revert "T"`, "back", "Reverts acme/web#12", []string{"acme/web#12", `"T"`}},
		"not the word":             {"", "", "prereverts #12, reverted #13, revert #14, reverts 15, reverts #0", nil},
		"a commit":                 {"", "", "This reverts commit C0FFEE12.", []string{"c0ffee12"}},
		"a commit in a link":       {"", "", "This reverts commit [c0ffee12](https://github.com/acme/shop/commit/c0ffee12).", []string{"c0ffee12"}},
		"a commit in code":         {"", "", "This reverts commit `c0ffee12`, and this reverts commit **c0ffee13**.", []string{"c0ffee12", "c0ffee13"}},
		"links":                    {"", "", "Reverts [#12](x), reverts <https://github.com/acme/shop/pull/13>", []string{"#12", "#13"}},
		"in the title":             {"Reverts #12: logins fail", "", "", []string{"#12"}},
		"a quoted title":           {`Revert "Reverts #12: logins fail (#13)"`, "back", "", []string{`"Reverts #12: logins fail (#13)"`}},
		"reapplied":                {`Reapply "Reverts #12"`, "back", "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			p := pull{Number: 20, Title: test.title, Body: test.body}
			p.Head.Ref = test.branch
			got := p.origin(dora.Commit{Owner: "acme", Repository: "shop"}).Reverts
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// Messages of commits say the same as texts of pull requests.
func TestRevertsOfCommits(t *testing.T) {
	shop := dora.Commit{Owner: "acme", Repository: "shop"}
	message := func(text string) commit { return commit{SHA: "c0ffee", Commit: &content{Message: text}} }
	for text, want := range map[string][]string{
		"Sell less\n\nReverts acme/shop#12":                                       {"#12"},
		"Reverts #12: logins fail\n\nReverts https://github.com/acme/web/pull/13": {"#12", "acme/web#13"},
		"Revert \"T\"\n\nThis reverts commit c0ffee12.":                           {"c0ffee12"},
		"All of 1.2\n\n* Revert \"Reverts #12\"\n* reverts #13":                   {"#13"},
		"Theirs (#20)\n\nReverts #12, reverts acme/shop#13":                       {"#13"}, // their #12 is another one
	} {
		if diff := cmp.Diff(want, changeOfCommit(shop, message(text)).Reverts); diff != "" {
			t.Errorf("%q, -want +got:\n%s", text, diff)
		}
		var o dora.Origin
		addCommits(&o, shop, commits{message("Sell"), message(text)})
		if diff := cmp.Diff(want, o.Reverts); diff != "" {
			t.Errorf("%q in a pull request, -want +got:\n%s", text, diff)
		}
	}
}

func TestRevertsOfFormerNames(t *testing.T) {
	for name, test := range map[string]struct{ reverts, want []string }{
		"a former name":                {[]string{"acme/former#12"}, []string{"#12"}},
		"with the new name":            {[]string{"#12", "acme/former#12", "acme/former#13"}, []string{"#12", "#13"}},
		"a former name and a title":    {[]string{"acme/former#12", `"T"`, "c0ffee12"}, []string{"#12", "c0ffee12"}},
		"another repository":           {[]string{"acme/web#12"}, nil},
		"another and a title":          {[]string{"acme/web#12", `"T (acme/former#1)"`}, []string{`"T (acme/former#1)"`}},
		"a former name of another one": {[]string{"web/former#12", "c0ffee12"}, []string{"c0ffee12"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := &shipping{c: dora.Comparison{Past: scope{}}}
			got, err := s.ownReverts(t.Context(), dora.Change{Origin: dora.Origin{Reverts: test.reverts}})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
