package rules

import "slices"

func takesDevices(c ADConnector) bool { return c.DeviceContainer != "" }

// devicesFromEntra adds the rule that takes in devices that were registered in the cloud,
// for forests that get them. Those that are computers of a forest are known there.
func (s *standard) devicesFromEntra() {
	if !slices.ContainsFunc(s.AD, takesDevices) {
		return
	}
	s.add(s.Entra, Rule{
		Name: "In from AAD - Device Write-back", Direction: Inbound, SourceType: "device", TargetType: "device",
		Description: "Takes in devices that were registered in the cloud.",
		LinkType:    Provision, Join: joinOn("deviceId=deviceId"),
		Scope: all("deviceTrustType NOTEQUAL ServerAd", "onPremisesSyncEnabled NOTEQUAL True"),
		Flows: append(direct(`
			cloudAnchor deviceId displayName accountEnabled deviceOSType deviceOSVersion deviceTrustType devicePhysicalIds
			deviceObjectVersion isCompliant isManaged alternativeSecurityId`),
			constant("cloudCreated", "True"), constant("cloudMastered", "True")),
	})
}

// devicesToAD adds the rules that bring these devices to Active Directory, where AD FS finds
// them. They are the cloud's: what is changed in Active Directory is overwritten.
func (s *standard) devicesToAD() {
	for _, c := range s.AD {
		if !takesDevices(c) {
			continue
		}
		flag := func(name, source string) Flow {
			return formula(name, "IIF(IsPresent(["+source+"]), ["+source+"], NULL)")
		}
		flows := append(direct(`
			msDS-DeviceID<-deviceId displayName altSecurityIdentities<-alternativeSecurityId msDS-DeviceOSType<-deviceOSType msDS-DeviceOSVersion<-deviceOSVersion
			msDS-DevicePhysicalIDs<-devicePhysicalIds msDS-DeviceObjectVersion<-deviceObjectVersion`),
			formula(dnName, `"CN=" & StringFromGuid([deviceId]) & ",`+escaper.Replace(c.DeviceContainer)+`"`),
			formula("msDS-IsEnabled", "IIF(IsPresent([accountEnabled]), [accountEnabled], True)"),
			flag("msDS-IsManaged", "isManaged"), flag("msDS-IsCompliant", "isCompliant"),
			formula("msDS-CloudAnchor", `CGuid(Right([cloudAnchor], 36))`))
		s.addFor(c, Rule{
			Name: "Out to AD - Device Write-back", Direction: Outbound, SourceType: "device", TargetType: "msDS-Device",
			Description: "Makes devices of the cloud in Active Directory, which takes those with a key only.",
			LinkType:    Provision, Join: joinOn("msDS-DeviceID=deviceId"),
			Scope: all("cloudMastered EQUAL True", "deviceId ISNOTNULL", "alternativeSecurityId ISNOTNULL", "cloudAnchor STARTSWITH Device_"), Flows: flows,
		})
	}
}
