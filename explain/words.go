package explain

import (
	"dora-exporter/dora"
	"dora-exporter/dora/rules"
)

// causeWords describe the rule behind each cause of a failed change.
var causeWords = map[dora.Cause]string{
	dora.CauseStatus:   "it had a status of failure or error while it was the newest success of its environment",
	dora.CauseIncident: "an incident names it that was created after its success",
	dora.CauseRollback: "a commit that had run before it was deployed again after its success",
	dora.CauseRevert:   "a later deployment reverts a change that it shipped",
	dora.CauseHotfix:   "the next deployment ships a hotfix",
	dora.CauseWindow:   "an incident of its team was created soon after it",
}

// relationWords describe how a deployed commit relates to the commit deployed before it.
var relationWords = map[dora.Relation]string{
	dora.Ahead:     "its commit follows the previous one",
	dora.Behind:    "its commit is older than the previous one: it ships no change",
	dora.Identical: "its commit is the previous one: it ships no change",
	dora.Diverged:  "its commit and the previous one have diverged: it ships what is new since their merge base and was not shipped here before",
	dora.First:     "it is the first deployment here: it ships only the change of its own commit",
	dora.NoAnswer:  "GitHub failed to compare its commit with the previous one: it ships what GitHub did answer, and the change of its own commit",
	dora.Gone:      "the previous commit is gone, so nothing can be compared: it ships only the change of its own commit",
}

// evaluationWords describe what each kind of evaluation determines.
var evaluationWords = map[string]string{
	dora.DeploymentEvaluation: "evaluation of what it ships, and of what that shows about earlier deployments",
	dora.OutcomeEvaluation:    "evaluation of its run time, and of what its statuses are evidence of",
	dora.ScopeEvaluation:      "evaluation of evidence in its environment, which waits for earlier evidence",
	dora.IncidentEvaluation:   "evaluation of its opening and recovery, and of the deployment that it is evidence against",
	dora.IssueEvaluation:      "evaluation of its opening and recovery",
}

// reasonWords describe the reasons that the rules give for a missing value.
var reasonWords = map[string]string{
	dora.ReasonNoCommit:      "the payload names no commit",
	dora.ReasonNotFound:      "GitHub does not have the commit: it answered 404 four times over 71 minutes",
	dora.ReasonUnprocessed:   "GitHub can't process the commit: it answered 422 four times over 71 minutes",
	dora.ReasonInvalidName:   "owner, repository or commit can't be part of a request to GitHub",
	dora.ReasonNoDate:        "the commit has no author date",
	dora.ReasonImplausible:   "no date of its commits is plausible: they are before 7 April 2005 or after the status",
	dora.ReasonNoAnswer:      "GitHub failed to answer for github.give_up, although it answered other calls",
	dora.ReasonIgnoredAuthor: "changes of its author are excluded (changes.ignore_authors)",

	rules.ReasonNoOutcome:           "no status of success, failure or error has been processed, so its outcome is unknown",
	rules.ReasonNoSuccess:           "it has no status of success",
	rules.ReasonIgnored:             "it counts in github_* only, by deployments.tasks or deployments.ignore",
	rules.ReasonPromoted:            "a status promoted it to this environment, and no in_progress says when it began to run here",
	rules.ReasonNotProduction:       "its environment is not production (environments.production)",
	rules.ReasonNoCreation:          "no event says when it was created",
	rules.ReasonBeforeCreation:      "its end is older than its creation",
	rules.ReasonNotRepaired:         "nothing has repaired it yet",
	rules.ReasonRepairBeforeSuccess: "its repair is older than its success",
	rules.ReasonNotResolved:         "no event says that it was resolved, with a resolution that counts (jira.incidents.resolutions_ignored)",
	rules.ReasonUnknownResolution:   "no event says when it was resolved: the first one that shows it resolved has no date and did not change its status",
	rules.ReasonNotIncident:         "none of its events matches all of jira.incidents, which selects the issues that are incidents",
	rules.ReasonOld:                 "it was resolved before this exporter was installed, and has only been edited since",
	rules.ReasonNoReference:         "no text of its events names a deployment, commit or pull request",
	rules.ReasonUnknownReference:    "no known deployment is, or ships, what it names",
	rules.ReasonNoEarlierDeployment: "none of the deployments that it names succeeded in production before it was created",
	rules.ReasonNoFailure:           "it has no status of failure or error after its success",
	rules.ReasonReplaced:            "another deployment had succeeded before its status of failure or error: it had been replaced",
	rules.ReasonNeverRan:            "its commit had not run here before",
	rules.ReasonSameCommit:          "its commit was running already",
	rules.ReasonForward:             "its commit first ran after the one that was running: it goes forward again",
	rules.ReasonRequestedBefore:     "it was created before what it would take back had succeeded: it is a slow job of an older release",
	rules.ReasonAfterIncident:       "it succeeded after the issue was created: it may be the fix",
}

// notEvaluated is the reason for a missing value for which the rules give none.
const notEvaluated = "not evaluated"

// Reason describes a reason that the rules give for a missing value, such as a value of the label reason.
func Reason(code string) string {
	if code == "" {
		return notEvaluated
	}
	if words, ok := reasonWords[code]; ok {
		return words
	}
	return code
}
