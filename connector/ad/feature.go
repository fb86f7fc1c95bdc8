package ad

import (
	"slices"

	"github.com/go-ldap/ldap/v3"
)

// A Feature is a use of a directory that needs permissions of its own. Reading what is
// imported is always checked and is no feature.
type Feature string

// The features.
const (
	// FeatureDelta reads changes by DirSync as replication does.
	FeatureDelta Feature = "delta"
	// FeaturePasswordHash replicates the hashes of passwords.
	FeaturePasswordHash Feature = "password-hash"
	// FeatureConsistencyGUID writes the source anchor of users to mS-DS-ConsistencyGuid.
	FeatureConsistencyGUID Feature = "consistency-guid"
	// FeatureExchangeHybrid writes what Exchange Online knows back to recipients.
	FeatureExchangeHybrid Feature = "exchange-hybrid"
	// FeaturePasswordReset sets passwords of users and unlocks accounts.
	FeaturePasswordReset Feature = "password-reset"
	// FeatureGroups writes groups of the cloud to [Uses.GroupContainer].
	FeatureGroups Feature = "groups"
	// FeatureDevices writes devices of the cloud to [Uses.DeviceContainer].
	FeatureDevices Feature = "devices"
)

// Features returns all features.
func Features() []Feature {
	return []Feature{
		FeatureDelta, FeaturePasswordHash, FeatureConsistencyGUID, FeatureExchangeHybrid, FeaturePasswordReset, FeatureGroups, FeatureDevices,
	}
}

// Uses says what a connector is going to do with a directory beside reading it.
type Uses struct {
	Features []Feature `json:"features"`
	// GroupContainer and DeviceContainer are the DNs of the containers for
	// [FeatureGroups] and [FeatureDevices], which those require.
	GroupContainer  string `json:"group_container,omitempty"`
	DeviceContainer string `json:"device_container,omitempty"`
}

func (u Uses) has(f Feature) bool { return slices.Contains(u.Features, f) }

// validate calls bad for every problem.
func (u Uses) validate(bad func(format string, args ...any)) {
	for _, f := range u.Features {
		if !slices.Contains(Features(), f) {
			bad("Uses: unknown feature %q, there are %q", string(f), Features())
		}
	}
	for _, c := range []struct {
		feature Feature
		field   string
		dn      string
	}{{FeatureGroups, "GroupContainer", u.GroupContainer}, {FeatureDevices, "DeviceContainer", u.DeviceContainer}} {
		parsed, err := ldap.ParseDN(c.dn)
		switch {
		case c.dn == "" && u.has(c.feature):
			bad("Uses.%s: required for %s", c.field, c.feature)
		case c.dn != "" && (err != nil || len(parsed.RDNs) == 0):
			bad("Uses.%s: %q is not a DN", c.field, c.dn)
		}
	}
}

// exchangeAttributes are what Exchange Online writes back to users. Forests have those
// that their schema has.
var exchangeAttributes = [...]string{
	"msDS-ExternalDirectoryObjectId", "msExchArchiveStatus", "msExchBlockedSendersHash", "msExchSafeRecipientsHash",
	"msExchSafeSendersHash", "msExchUCVoiceMailSettings", "msExchUserHoldPolicies", "publicDelegates", "proxyAddresses",
}
