package metaverse

// Reconsider has the next imports read their directories from the beginning, and the next
// synchronisation build the value indexes and evaluate every object, whatever was done before: for
// stores that were repaired. Like all imports, those delete nothing on weak evidence.
func Reconsider(tx Tx) error {
	if _, err := noteChange(tx); err != nil {
		return err
	}
	for _, prefix := range []string{settingWatermark, settingCheckpoint, settingRules} {
		settings, err := tx.Settings(prefix)
		if err != nil {
			return err
		}
		for key := range settings {
			var value []byte
			if prefix == settingRules {
				value = []byte("outdated")
			}
			if err := tx.PutSetting(key, value); err != nil {
				return err
			}
		}
	}
	return tx.PutSetting(settingJoins, nil)
}
