package entratest

import (
	"maps"
	"net/http"
	"slices"
)

// SetSyncFeatures lets applications read the tenant's settings for synchronization, with
// these features: blockSoftMatchEnabled and its kin. Nil, as at the start, refuses them, as
// Graph documents it: the settings are for delegated access.
func (s *Server) SetSyncFeatures(features map[string]bool) {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	s.state.syncFeatures = maps.Clone(features)
}

// getSyncSettings answers GET /directory/onPremisesSynchronization/{tenant}.
func getSyncSettings(s *state, r *request) (*answer, *failure) {
	switch {
	case r.vars[0] != r.srv.TenantID:
		return nil, notFound(r.vars[0])
	case s.syncFeatures == nil:
		return nil, denied()
	}
	for _, name := range r.opts.selected {
		if !slices.Contains([]string{"id", "configuration", "features"}, name) {
			return nil, misused(codeParse, "Could not find a property named '%s' on type 'microsoft.graph.onPremisesDirectorySynchronization'.", name)
		}
	}
	return jsonAnswer(http.StatusOK, raw(map[string]any{
		"id": r.srv.TenantID, "features": s.syncFeatures,
		"configuration": map[string]any{"accidentalDeletionPrevention": map[string]any{
			"synchronizationPreventionType": "enabledForCount", "alertThreshold": 500,
		}},
	})), nil
}
