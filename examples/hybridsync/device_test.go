package main

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/ad"
	"github.com/hybridsync/hybridsync/connector/ad/adtest"
	"github.com/hybridsync/hybridsync/connector/entra/entratest"
	"github.com/hybridsync/hybridsync/internal/sambatest"
)

const (
	deviceID  = "00112233-4455-6677-8899-aabbccddeeff"
	deviceKey = "X509:<SHA1-TP-PUBKEY>0123456789ABCDEF+base64/of+the/key="
)

// addDevices registers a device in the cloud, and one that is a computer of the domain.
func addDevices(t *testing.T, tenant *entratest.Server) (id string) {
	t.Helper()
	var key []byte // as Graph has it: Base64 of UTF-16
	for _, c := range utf16.Encode([]rune(deviceKey)) {
		key = binary.LittleEndian.AppendUint16(key, c)
	}
	keys, err := json.Marshal([]map[string]any{{"type": 2, "identityProvider": nil, "key": key}})
	require.NoError(t, err)
	id, err = tenant.Add("device", "", map[string]any{"deviceId": deviceID, "displayName": "Ann's phone", "accountEnabled": true,
		"operatingSystem": "Android", "operatingSystemVersion": "16", "trustType": "Workplace", "isManaged": true, "deviceVersion": int64(2),
		"physicalIds": []string{"[USER-GID]:1", "[GID]:2"}, "alternativeSecurityIds": json.RawMessage(keys)})
	require.NoError(t, err)
	_, err = tenant.Add("device", "", map[string]any{"deviceId": "11112233-4455-6677-8899-aabbccddeeff", "displayName": "PC1", "accountEnabled": true, "trustType": "ServerAd"})
	require.NoError(t, err)
	return id
}

// twice runs two cycles: what is read back from the cloud goes on in the second.
func (b *bench) twice() {
	b.t.Helper()
	for range 2 {
		_, err := b.cycle()
		trouble, _ := b.run("errors")
		require.NoError(b.t, err, trouble)
	}
}

// Devices of the cloud appear in the container, follow the cloud and go with it; computers
// of the domain are not written twice.
func TestDeviceWriteBack(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.populate(3, 0)
	container := "CN=RegisteredDevices," + b.dc.BaseDN()
	require.NoError(t, b.dc.Add(container, adtest.Attrs{"objectClass": {"msDS-DeviceContainer"}}))
	b.provisioned(b.admin(), ad.Uses{Features: []ad.Feature{ad.FeatureDelta, ad.FeatureDevices}, DeviceContainer: container})
	b.values["keys"] = "    write_back: {devices: \"" + container + "\"}\n"
	out, err := b.run("check")
	require.NoError(t, err, out)
	id := addDevices(t, b.tenant)
	b.twice()

	dn := "CN=" + deviceID + "," + container
	o, err := b.dc.Get(dn)
	require.NoError(t, err)
	require.Equal(t, "33221100554477668899aabbccddeeff", hex.EncodeToString([]byte(o.First("msDS-DeviceID"))), "in the order of the directory")
	require.Len(t, o.First("msDS-CloudAnchor"), 16)
	for name, want := range map[string]string{"displayName": "Ann's phone", "msDS-IsEnabled": "TRUE", "msDS-IsManaged": "TRUE", "msDS-IsCompliant": "",
		"msDS-DeviceOSType": "Android", "msDS-DeviceOSVersion": "16", "msDS-DeviceObjectVersion": "2", "altSecurityIdentities": deviceKey} {
		require.Equal(t, want, o.First(name), name)
	}
	require.ElementsMatch(t, []string{"[USER-GID]:1", "[GID]:2"}, o.Attrs["msDS-DevicePhysicalIDs"])
	devices := func() (n int) {
		for _, o := range b.dc.Dump() {
			if o.Class == "msDS-Device" {
				n++
			}
		}
		return n
	}
	require.Equal(t, 1, devices())

	usn := b.dc.HighestUSN()
	b.twice()
	require.Equal(t, usn, b.dc.HighestUSN(), "what is there already is left alone")
	require.NoError(t, b.tenant.Update(id, map[string]any{"accountEnabled": false, "isCompliant": true, "displayName": "Ann's old phone"}))
	b.twice()
	o, err = b.dc.Get(dn)
	require.NoError(t, err)
	require.Equal(t, []string{"FALSE", "TRUE", "Ann's old phone"}, []string{o.First("msDS-IsEnabled"), o.First("msDS-IsCompliant"), o.First("displayName")})
	require.NoError(t, b.tenant.Delete(id))
	b.twice()
	require.Zero(t, devices())
	require.Len(t, b.tenant.Users(), 3)
}

// The same in Samba, whose schema has devices.
func TestSambaDeviceWriteBack(t *testing.T) {
	t.Parallel()
	d := sambatest.Start(t, &sambatest.Options{Users: 2, Delegate: true})
	container := "CN=RegisteredDevices," + d.BaseDN
	d.MustEdit(t, "dn: "+container+"\nchangetype: add\nobjectClass: msDS-DeviceContainer\n")
	b := sambaBench(t, d, d.ConnectorUPN, "    write_back: {devices: \""+container+"\"}\n")
	out, err := b.run("check")
	require.Error(t, err)
	require.Contains(t, out, "create and delete objects of class msDS-Device")
	b.provisioned(ad.Options{URLs: []string{d.URL}, CAFile: d.CAFile, BindName: d.AdminUPN, Password: func(context.Context) (string, error) { return d.Password, nil }},
		ad.Uses{Features: []ad.Feature{ad.FeatureDelta, ad.FeatureDevices}, DeviceContainer: container})
	out, err = b.run("check")
	require.NoError(t, err, out)
	id := addDevices(t, b.tenant)
	b.twice()
	devices := func() string {
		found, err := d.Search(t.Context(), "-b", container, "(objectClass=msDS-Device)", "msDS-DeviceID", "msDS-IsEnabled", "msDS-DeviceOSType", "msDS-DevicePhysicalIDs")
		require.NoError(t, err)
		return found
	}
	raw, err := hex.DecodeString("33221100554477668899aabbccddeeff")
	require.NoError(t, err)
	found := devices()
	require.Contains(t, found, "dn: CN="+deviceID+","+container)
	require.Contains(t, found, "msDS-DeviceID:: "+base64.StdEncoding.EncodeToString(raw))
	require.Contains(t, found, "msDS-IsEnabled: TRUE")
	require.Contains(t, found, "msDS-DeviceOSType: Android")
	require.Equal(t, 1, strings.Count(found, "dn: CN="))
	require.NoError(t, b.tenant.Update(id, map[string]any{"accountEnabled": false}))
	b.twice()
	require.Contains(t, devices(), "msDS-IsEnabled: FALSE")
	require.NoError(t, b.tenant.Delete(id))
	b.twice()
	require.NotContains(t, devices(), "dn: CN=")
}
