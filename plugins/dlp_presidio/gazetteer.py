"""The world's countries and what their people are called, in English: facts, for recognizers of places and groups."""

COUNTRIES = tuple(
    name.replace("_", " ")
    for name in """
    Afghanistan Albania Algeria Andorra Angola Argentina Armenia Australia Austria Azerbaijan Bahamas Bahrain Bangladesh
    Barbados Belarus Belgium Belize Benin Bhutan Bolivia Bosnia_and_Herzegovina Bosnia Botswana Brazil Brunei Bulgaria
    Burkina_Faso Burundi Cambodia Cameroon Canada Cape_Verde Central_African_Republic Chile China Colombia Comoros Congo
    Costa_Rica Croatia Cuba Cyprus Czech_Republic Czechia Denmark Djibouti Dominica Dominican_Republic Ecuador Egypt
    El_Salvador Equatorial_Guinea Eritrea Estonia Eswatini Ethiopia Fiji Finland France Gabon Gambia Germany Ghana Greece
    Greenland Grenada Guatemala Guinea Guinea-Bissau Guyana Haiti Honduras Hong_Kong Hungary Iceland India Indonesia Iran
    Iraq Ireland Israel Italy Ivory_Coast Jamaica Japan Kazakhstan Kenya Kiribati Kosovo Kuwait Kyrgyzstan Laos Latvia
    Lebanon Lesotho Liberia Libya Liechtenstein Lithuania Luxembourg Macau Madagascar Malawi Malaysia Maldives Malta
    Mauritania Mauritius Mexico Micronesia Moldova Monaco Mongolia Montenegro Morocco Mozambique Myanmar Namibia Nauru Nepal
    Netherlands New_Zealand Nicaragua Nigeria North_Korea North_Macedonia Norway Oman Pakistan Palau Palestine Panama
    Papua_New_Guinea Paraguay Peru Philippines Poland Portugal Puerto_Rico Qatar Romania Russia Rwanda Samoa San_Marino
    Saudi_Arabia Senegal Serbia Seychelles Sierra_Leone Singapore Slovakia Slovenia Solomon_Islands Somalia South_Africa
    South_Korea South_Sudan Spain Sri_Lanka Sudan Suriname Sweden Switzerland Syria Taiwan Tajikistan Tanzania Thailand
    Timor-Leste Tonga Trinidad_and_Tobago Tunisia Turkmenistan Tuvalu Uganda Ukraine United_Arab_Emirates United_Kingdom
    United_States_of_America United_States Uruguay Uzbekistan Vanuatu Venezuela Vietnam Yemen Zambia Zimbabwe
    """.split()
)
"""Without those that are mostly something else in English: Chad, Georgia, Jordan, Mali, Niger, Togo, Turkey."""

DEMONYMS = tuple(
    name.replace("_", " ")
    for name in """
    Afghan Albanian Algerian American Andorran Angolan Argentine Argentinian Armenian Australian Austrian Azerbaijani
    Bahamian Bahraini Bangladeshi Barbadian Belarusian Belgian Belizean Belizian Beninese Bhutanese Bolivian Bosnian
    Botswanan Brazilian British Bruneian Bulgarian Burkinabe Burmese Burundian Cambodian Cameroonian Canadian Chadian Chechen
    Chilean Chinese Colombian Comoran Congolese Croatian Cuban Cypriot Czech Danish Djiboutian Dominican Dutch Ecuadorian
    Egyptian Emirati English Equatorial_Guinean Eritrean Estonian Ethiopian Fijian Filipino Finnish French Gabonese Gambian
    Georgian German Ghanaian Greek Greenlandic Grenadian Guatemalan Guinean Guyanese Haitian Honduran Hungarian Icelandic
    Indian Indonesian Iranian Iraqi Irish Israeli Italian Ivorian Jamaican Japanese Jordanian Kazakh Kazakhstani Kenyan
    Korean Kosovar Kuwaiti Kyrgyz Laotian Latvian Lebanese Liberian Libyan Liechtensteiner Lithuanian Luxembourger Macedonian
    Malagasy Malawian Malaysian Maldivian Malian Maltese Mauritanian Mauritian Mexican Micronesian Moldovan Mongolian
    Montenegrin Moroccan Mozambican Namibian Nepalese Nepali New_Zealander Nicaraguan Nigerian Nigerien Norwegian Omani
    Pakistani Palestinian Panamanian Paraguayan Persian Peruvian Polish Portuguese Puerto_Rican Qatari Romanian Russian
    Rwandan Samoan Saudi Scottish Senegalese Serbian Singaporean Slovak Slovakian Slovene Slovenian Somali South_African
    Spanish Sri_Lankan Sudanese Surinamese Swazi Swedish Swiss Syrian Taiwanese Tajik Tanzanian Thai Togolese Tongan
    Trinidadian Tunisian Turkish Turkmen Ugandan Ukrainian Uruguayan Uzbek Venezuelan Vietnamese Welsh Yemeni Zambian
    Zimbabwean
    """.split()
)
