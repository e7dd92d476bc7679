"""Looking at spectra in other programs and in pictures: a time series for ParaView, pictures of one time."""
